// Compares, adds and subtracts the counters of statements. Each counter has 8 bytes, as in
// Snapshot::counters.
#pragma once

#include <cstdint>
#include <vector>

namespace pganalytics::collector {

// HaveFallen is true if one of the sums has decreased: the statement was reset, or it was evicted
// and then ran again. Minimum, maximum, mean and deviation are not sums.
bool HaveFallen(const uint64_t* now, const uint64_t* before);

// CounterSum adds up the counters of statements as pg_stat_statements would have counted them in
// one entry. REQUIRES: statements are added in the order of their keys. In another order a
// floating-point sum could fall although none of its parts has fallen.
class CounterSum {
  public:
    CounterSum();
    // Starts with the sums in `start`; minimum, maximum and deviation start at zero.
    explicit CounterSum(const std::vector<uint64_t>& start);

    void Add(const uint64_t* counters);

    // AddDifference adds what was counted since `before`. Minimum, maximum and deviation cannot be
    // subtracted, so it combines those of `now`. These also cover the calls up to `before`.
    void AddDifference(const uint64_t* now, const uint64_t* before);

    const std::vector<uint64_t>& counters() const { return counters_; }

  private:
    void AddTimes(const uint64_t* counters);

    std::vector<uint64_t> counters_;
    double timed_calls_ = 0;
    double mean_ = 0;  // mean time of timed_calls_ calls; not sent: the reader computes it
};

}  // namespace pganalytics::collector
