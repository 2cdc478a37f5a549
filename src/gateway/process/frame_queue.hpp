// FrameQueue: in which order frames go to the worker. What collectors sent small goes before what
// is large, collectors take turns, and each collector's own pushes keep their order, so that
// neither a huge push nor a busy collector delays the others. No threads in it.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <string>

#include "core/types.hpp"

namespace pganalytics::gateway {

class FrameQueue {
  public:
    // After so many small pushes in a row a large one that waits has its turn.
    static constexpr int kSmallBeforeLarge = 64;

    // Put adds a frame that goes before all pushes: it is small and asks or tells something.
    void Put(std::string frame) { control_.push_back(std::move(frame)); }
    // PutPush adds a push of a collector.
    void PutPush(const core::Uuid& collector_id, uint32_t request_id, std::string frame);

    // Take gives the next frame; false when none may go. A large push goes only when the one before
    // it has been answered: while the worker stores that, what is small gets ahead.
    bool Take(std::string* frame);

    // End says that nobody waits for this push any more, answered or not. One that has not been
    // taken is dropped.
    void End(uint32_t request_id);

    // HasControl: a frame of Put waits.
    bool HasControl() const { return !control_.empty(); }
    bool empty() const { return control_.empty() && small_.empty() && large_.empty(); }

  private:
    struct Waiting {
        uint32_t request_id;
        std::string frame;
    };
    // Lane is one collector's pushes. It stands in the list of its first push's size.
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
    Lanes small_;  // whose turn it is first in front
    Lanes large_;
    int small_in_a_row_ = 0;  // while a large one waited that could have gone
    uint32_t large_with_worker_ = 0;
};

}  // namespace pganalytics::gateway
