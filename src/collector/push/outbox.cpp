// Queues, acknowledges and drops pushes.
#include "collector/push/outbox.hpp"

#include <algorithm>
#include <utility>

namespace pganalytics::collector {

Outbox::Queue& Outbox::At(size_t queue) {
    if (queue >= queues_.size()) queues_.resize(queue + 1);
    return queues_[queue];
}

size_t Outbox::Add(Push push) {
    Queue& queue = At(push.queue);
    bytes_ += push.body.size();
    queue.waiting.push_back({++orders_, std::make_shared<const Push>(std::move(push))});
    size_t dropped = 0;
    while (bytes_ > max_bytes_ && DropOldest()) ++dropped;
    return dropped;
}

// DropOldest drops the oldest push. It never drops the push being sent or the newest push; returns
// false if there is no other push.
bool Outbox::DropOldest() {
    Queue* of = nullptr;
    size_t at = 0;
    for (size_t i = 0; i < queues_.size(); ++i) {
        const size_t first = static_cast<int64_t>(i) == in_flight_ ? 1 : 0;
        Queue& queue = queues_[i];
        if (queue.waiting.size() <= first || queue.waiting[first].order == orders_) continue;
        if (of == nullptr || queue.waiting[first].order < of->waiting[at].order) {
            of = &queue;
            at = first;
        }
    }
    if (of == nullptr) return false;
    const Push& oldest = *of->waiting[at].push;
    bytes_ -= oldest.body.size();
    of->acknowledged.full_lost |= oldest.full;
    of->waiting.erase(of->waiting.begin() + static_cast<std::ptrdiff_t>(at));
    return true;
}

std::shared_ptr<const Push> Outbox::Take(SteadyTime now) {
    int64_t oldest = -1;
    for (size_t i = 0; i < queues_.size(); ++i) {
        const Queue& queue = queues_[i];
        if (queue.waiting.empty() || queue.due > now) continue;
        if (oldest < 0 || queue.waiting.front().order <
                              queues_[static_cast<size_t>(oldest)].waiting.front().order) {
            oldest = static_cast<int64_t>(i);
        }
    }
    in_flight_ = oldest;
    return oldest < 0 ? nullptr : queues_[static_cast<size_t>(oldest)].waiting.front().push;
}

Outbox::SteadyTime Outbox::NextDue() const {
    SteadyTime next = SteadyTime::max();
    for (const Queue& queue : queues_) {
        if (!queue.waiting.empty()) next = std::min(next, queue.due);
    }
    return next;
}

void Outbox::PopInFlight(bool stored) {
    Queue& queue = queues_[static_cast<size_t>(std::exchange(in_flight_, -1))];
    const std::shared_ptr<const Push> push = queue.waiting.front().push;
    queue.waiting.pop_front();
    queue.failures = 0;
    queue.due = SteadyTime{};
    bytes_ -= push->body.size();
    Acknowledged& acknowledged = queue.acknowledged;
    if (stored) {
        acknowledged.snapshot = std::max(acknowledged.snapshot, push->snapshot);
    } else {
        acknowledged.full_lost |= push->full;
    }
}

void Outbox::Stored() { PopInFlight(true); }

void Outbox::Refused() { PopInFlight(false); }

Millis Outbox::Failed(SteadyTime now, Millis retry_after, double random) {
    Queue& queue = queues_[static_cast<size_t>(std::exchange(in_flight_, -1))];
    const Millis delay = BackoffDelay(++queue.failures, retry_after, random);
    queue.due = now + delay;
    return delay;
}

void Outbox::RetryNow() {
    for (Queue& queue : queues_) {
        queue.failures = 0;
        queue.due = SteadyTime{};
    }
}

Acknowledged Outbox::TakeAcknowledged(size_t queue) {
    Acknowledged& acknowledged = At(queue).acknowledged;
    const Acknowledged taken = acknowledged;
    acknowledged.full_lost = false;
    return taken;
}

size_t Outbox::pending() const {
    size_t pending = 0;
    for (const Queue& queue : queues_) pending += queue.waiting.size();
    return pending;
}

}  // namespace pganalytics::collector
