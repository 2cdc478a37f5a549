#include "gateway/process/frame_queue.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "protocol/frame.hpp"

namespace pganalytics::gateway {
namespace {

bool IsLarge(const std::string& frame) { return frame.size() >= protocol::kLargePushBytes; }

}  // namespace

void FrameQueue::PutPush(const core::Uuid& collector_id, uint32_t request_id, std::string frame) {
    Lanes::iterator lane;
    if (Find(&small_, collector_id, &lane) || Find(&large_, collector_id, &lane)) {
        lane->pushes.push_back({request_id, std::move(frame)});
        return;
    }
    Lanes& lanes = IsLarge(frame) ? large_ : small_;
    lanes.push_back({collector_id, {}});
    lanes.back().pushes.push_back({request_id, std::move(frame)});
}

bool FrameQueue::Take(std::string* frame) {
    if (!control_.empty()) {
        *frame = std::move(control_.front());
        control_.pop_front();
        return true;
    }
    const bool large_may_go = !large_.empty() && large_with_worker_ == 0;
    if (large_may_go && (small_.empty() || small_in_a_row_ >= kSmallBeforeLarge)) {
        small_in_a_row_ = 0;
        large_with_worker_ = large_.front().pushes.front().request_id;
        TakeFirst(&large_, frame);
        return true;
    }
    if (small_.empty()) return false;
    small_in_a_row_ = large_may_go ? small_in_a_row_ + 1 : 0;
    TakeFirst(&small_, frame);
    return true;
}

void FrameQueue::TakeFirst(Lanes* from, std::string* frame) {
    const auto lane = from->begin();
    *frame = std::move(lane->pushes.front().frame);
    lane->pushes.pop_front();
    Place(from, lane);
}

// Place moves a lane whose first push was taken or dropped. The size of its next push decides
// whether the lane goes to the end of small_ or of large_. An empty lane is removed.
void FrameQueue::Place(Lanes* from, Lanes::iterator lane) {
    if (lane->pushes.empty()) {
        from->erase(lane);
        return;
    }
    Lanes& to = IsLarge(lane->pushes.front().frame) ? large_ : small_;
    to.splice(to.end(), *from, lane);
}

bool FrameQueue::Find(Lanes* lanes, const core::Uuid& collector_id, Lanes::iterator* lane) {
    *lane = std::find_if(lanes->begin(), lanes->end(),
                         [&](const Lane& one) { return one.collector_id == collector_id; });
    return *lane != lanes->end();
}

void FrameQueue::End(uint32_t request_id) {
    if (large_with_worker_ == request_id) large_with_worker_ = 0;
    if (!Drop(&small_, request_id)) Drop(&large_, request_id);
}

bool FrameQueue::Drop(Lanes* lanes, uint32_t request_id) {
    for (auto lane = lanes->begin(); lane != lanes->end(); ++lane) {
        const auto found =
            std::find_if(lane->pushes.begin(), lane->pushes.end(),
                         [=](const Waiting& push) { return push.request_id == request_id; });
        if (found == lane->pushes.end()) continue;
        const bool was_first = found == lane->pushes.begin();
        lane->pushes.erase(found);
        if (was_first) Place(lanes, lane);
        return true;
    }
    return false;
}

}  // namespace pganalytics::gateway
