// Bodies: the documents that collectors push, made from SampleRows.
#pragma once

#include <cstdint>
#include <string>

namespace pganalytics::bench {

// FullBody is a sample of `rows` queries in the form of v3 collectors: every counter of the
// catalog, zeros too, and every text.
std::string FullBody(const std::string& collector_id, int64_t rows, int64_t push,
                     int64_t sampled_at);

// ChangesBody is a sample in the form of our collector: the queries that have changed since the
// `push` before, without zeros and texts, and the number of the others. Sample 0 is full and brings
// the texts; every kFullEvery-th is full. 14 of the counters are not zero, or as_seen
// (IsZeroAsSeen), on average 9.9.
std::string ChangesBody(const std::string& collector_id, int64_t rows, int64_t push,
                        int64_t sampled_at, bool as_seen);

// kFullEvery is our collector's hour at one sample a minute.
inline constexpr int64_t kFullEvery = 60;

// IsChanged says whether a query is among the 23.5 % that change from one sample to the next.
bool IsChanged(int64_t query, int64_t push);

// Gzip compresses as our collector does.
std::string Gzip(const std::string& text);

}  // namespace pganalytics::bench
