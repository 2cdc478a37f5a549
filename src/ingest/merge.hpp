// Merge: combines rows of one snapshot that name the same query, with exact sums.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/row_builder.hpp"

namespace pganalytics::ingest {

// RowIndex finds rows by a hash of their key. It is a hash table with open addressing, so it
// allocates nothing per row. The hash includes a seed that the sender does not know, so nobody can
// send keys that all collide.
class RowIndex {
  public:
    explicit RowIndex(uint64_t seed) : seed_(seed) {}

    // FindOrAdd returns the row that has this hash and for which same(row) is true. If there is
    // none, it adds `row` and returns it. If kMaxSame other rows have the same hash, it returns
    // `row` without adding it.
    template <typename Same>
    uint32_t FindOrAdd(uint64_t hash, uint32_t row, Same&& same) {
        if ((used_ + 1) * 2 > slots_.size()) Grow();
        const size_t mask = slots_.size() - 1;
        int others = 0;
        for (size_t at = hash & mask;; at = (at + 1) & mask) {
            Slot& slot = slots_[at];
            if (slot.row == kFree) {
                slot = {hash, row};
                ++used_;
                return row;
            }
            if (slot.hash != hash) continue;
            if (same(slot.row)) return slot.row;
            if (++others == kMaxSame) return row;
        }
    }

    // Hash mixes words into the seed, with the finalizer of SplitMix64 after each.
    template <typename... Words>
    uint64_t Hash(Words... words) const {
        uint64_t hash = seed_;
        ((hash = Mix(hash ^ static_cast<uint64_t>(words))), ...);
        return hash;
    }

  private:
    static constexpr uint32_t kFree = UINT32_MAX;
    static constexpr int kMaxSame = 8;
    struct Slot {
        uint64_t hash;
        uint32_t row;
    };
    static uint64_t Mix(uint64_t x) {
        x += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
    void Grow();

    uint64_t seed_;
    size_t used_ = 0;
    std::vector<Slot> slots_;
};

// Merger merges one row of pg_query_stats into another. It combines execution times as if
// pg_stat_statements had counted all executions in one entry: minimum and maximum over the rows
// with executions, the mean weighted by calls, the population standard deviation over all calls.
class Merger {
  public:
    explicit Merger(const protocol::Metric& metric);

    // Merge adds the row `from` to the row whose words are `into`. Returns the column whose exact
    // sum is out of range; nullptr on success. Identity and text remain those of `into`.
    const protocol::Column* Merge(protocol::Row from, uint64_t* into) const;

  private:
    void CombineTimes(uint64_t* into, protocol::Row from) const;

    const protocol::Metric* metric_;
    uint32_t calls_, total_, min_, max_, mean_, stddev_;
};

}  // namespace pganalytics::ingest
