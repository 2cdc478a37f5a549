// Bodies: the documents that collectors push, made from SampleRows.
#pragma once

#include <cstdint>
#include <string>

namespace pganalytics::bench {

// FullBody is a sample of `rows` queries in the form of v3 collectors: every counter of the
// catalog, zeros too, and every text.
std::string FullBody(const std::string& collector_id, int64_t rows, int64_t push,
                     int64_t sampled_at);

// ChangesBody is a sample in the form of our collector: the queries that have changed since sample
// `push` - 1, without zeros and texts, and the number of the unchanged ones. Sample 0 is full and
// brings the texts; every kFullEvery-th is full. 14 of the counters are not zero; with as_seen
// (IsZeroAsSeen) 9.9 on average.
std::string ChangesBody(const std::string& collector_id, int64_t rows, int64_t push,
                        int64_t sampled_at, bool as_seen);

// kFullEvery is our collector's hour between full samples, at one sample a minute.
inline constexpr int64_t kFullEvery = 60;

// IsChanged says whether a query is among the 23.5 % that change between sample `push` - 1 and
// `push`.
bool IsChanged(int64_t query, int64_t push);

// Gzip compresses at the level that our collector uses.
std::string Gzip(const std::string& text);

}  // namespace pganalytics::bench
