// Budget: limits the bytes of large request bodies that all connections together have in memory,
// and the share of each sender.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>

#include "http/sender.hpp"

namespace pganalytics::http {

// A request with at most so many bytes in memory needs nothing of the budget, because
// max_connections limits such requests. So no large body delays a small one.
inline constexpr uint64_t kFreeBodyBytes = 128 << 10;

class Budget {
  public:
    // `limit` is for all senders together, `share` for each.
    Budget(uint64_t limit, uint64_t share) : limit_(limit), share_(share) {}
    uint64_t available() const { return limit_ - used_; }

  private:
    friend class Lease;
    const uint64_t limit_;
    const uint64_t share_;
    uint64_t used_ = 0;
    std::map<Sender, uint64_t> used_by_;  // without senders that use nothing
};

// Lease is what one request holds of a budget; its destructor gives it back. REQUIRES: the budget
// outlives the lease.
class Lease {
  public:
    Lease(Budget& budget, const Sender& sender) : budget_(&budget), sender_(sender) {}
    ~Lease() { Hold(0); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    uint64_t held() const { return held_; }

    // ChargeTo says whose share this is. REQUIRES: held() is 0.
    void ChargeTo(const Sender& sender) { sender_ = sender; }

    // Hold sets the bytes in memory to `bytes` in total; up to kFreeBodyBytes count as none. If too
    // little of the budget or of the sender's share is left, Hold returns false and changes
    // nothing. Holding less always succeeds.
    bool Hold(uint64_t bytes) {
        if (bytes <= kFreeBodyBytes) bytes = 0;
        if (bytes == held_) return true;
        const auto found = budget_->used_by_.find(sender_);
        const uint64_t of_sender = found == budget_->used_by_.end() ? 0 : found->second;
        if (bytes > held_) {
            const uint64_t more = bytes - held_;
            const uint64_t left = budget_->share_ - std::min(of_sender, budget_->share_);
            if (more > budget_->available() || more > left) return false;
        }
        const uint64_t now = of_sender - held_ + bytes;
        if (now == 0) {
            budget_->used_by_.erase(found);
        } else {
            budget_->used_by_[sender_] = now;
        }
        budget_->used_ = budget_->used_ - held_ + bytes;
        held_ = bytes;
        return true;
    }

  private:
    Budget* budget_;
    Sender sender_;
    uint64_t held_ = 0;
};

}  // namespace pganalytics::http
