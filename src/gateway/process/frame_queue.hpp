// FrameQueue: the order in which frames go to the worker. Small pushes go before large ones,
// collectors take turns, and each collector's own pushes keep their order, so that neither a huge
// push nor a busy collector delays the others. The caller locks the queue.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <string>

#include "core/types.hpp"

namespace pganalytics::gateway {

class FrameQueue {
  public:
    // After this many small pushes in a row, a waiting large push goes next.
    static constexpr int kSmallBeforeLarge = 64;

    // Put adds a small frame that is not a push. The frame goes before all pushes.
    void Put(std::string frame) { control_.push_back(std::move(frame)); }
    // PutPush adds a push of a collector.
    void PutPush(const core::Uuid& collector_id, uint32_t request_id, std::string frame);

    // Take moves the next frame from the queue to *frame. It returns false if no frame may go now.
    // A large push goes only after the previous large push was answered, so that small pushes go
    // first while the worker stores a large one.
    bool Take(std::string* frame);

    // End says that nobody waits for the answer to this push any more: the answer has come, or the
    // wait has ended without one. If the push is still in the queue, End drops it.
    void End(uint32_t request_id);

    // HasControl returns whether a frame that Put has added is in the queue.
    bool HasControl() const { return !control_.empty(); }
    bool empty() const { return control_.empty() && small_.empty() && large_.empty(); }

  private:
    struct Waiting {
        uint32_t request_id;
        std::string frame;
    };
    // Lane holds one collector's pushes. The size of its first push decides whether the lane is in
    // small_ or in large_.
    struct Lane {
        core::Uuid collector_id;
        std::deque<Waiting> pushes;
    };
    using Lanes = std::list<Lane>;

    void TakeFirst(Lanes* from, std::string* frame);
    void Place(Lanes* from, Lanes::iterator lane);
    static bool Find(Lanes* lanes, const core::Uuid& collector_id, Lanes::iterator* lane);
    bool Drop(Lanes* lanes, uint32_t request_id);

    std::deque<std::string> control_;
    Lanes small_;  // the lane in front is next
    Lanes large_;
    int small_in_a_row_ = 0;  // small pushes taken while a large one could have gone
    uint32_t large_with_worker_ = 0;
};

}  // namespace pganalytics::gateway
