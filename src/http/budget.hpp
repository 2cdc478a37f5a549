// Budget: limits the bytes of request bodies that all connections together have in memory.
#pragma once

#include <cstdint>
#include <utility>

namespace pganalytics::http {

class Budget {
  public:
    explicit Budget(uint64_t limit) : limit_(limit) {}
    uint64_t available() const { return limit_ - used_; }

  private:
    friend class Lease;
    uint64_t limit_;
    uint64_t used_ = 0;
};

// Lease is a share of a budget; its destructor gives the share back. REQUIRES: the budget outlives
// the lease.
class Lease {
  public:
    explicit Lease(Budget& budget) : budget_(&budget) {}
    ~Lease() { budget_->used_ -= held_; }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    uint64_t held() const { return held_; }
    // Hold sets the share to `bytes` in total. If too little of the budget is left, Hold returns
    // false and changes nothing.
    bool Hold(uint64_t bytes) {
        if (bytes > held_ && bytes - held_ > budget_->available()) return false;
        budget_->used_ = budget_->used_ - held_ + bytes;
        held_ = bytes;
        return true;
    }

  private:
    Budget* budget_;
    uint64_t held_ = 0;
};

}  // namespace pganalytics::http
