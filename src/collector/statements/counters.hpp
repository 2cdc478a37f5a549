// Counters of a statement, 8 bytes each as in Snapshot::counters: compared, added, subtracted.
#pragma once

#include <cstdint>
#include <vector>

namespace pganalytics::collector {

// HaveFallen is true when one of the sums is smaller than it was: the statement was reset, or
// evicted and seen again, in between. Minimum, maximum, mean and deviation are no sums.
bool HaveFallen(const uint64_t* now, const uint64_t* before);

// CounterSum adds up the counters of statements, as pg_stat_statements would have counted them in
// one entry. Of floating-point sums neither order nor grouping may change what comes out, or a sum
// could fall although none of its parts did: add in the order of the keys.
class CounterSum {
  public:
    CounterSum();
    // Begins with the sums of an earlier row and without its other times.
    explicit CounterSum(const std::vector<uint64_t>& start);

    void Add(const uint64_t* counters);

    // AddDifference adds what has been counted since `before`; to the times that are no sums it
    // adds those of all calls of `now`.
    void AddDifference(const uint64_t* now, const uint64_t* before);

    const std::vector<uint64_t>& counters() const { return counters_; }

  private:
    void AddTimes(const uint64_t* counters);

    std::vector<uint64_t> counters_;
    double timed_calls_ = 0;
    double mean_ = 0;  // of timed_calls_; the row carries none, the reader divides
};

}  // namespace pganalytics::collector
