// Timing: what a bench program prints about its pushes, one JSON line for bench/run to read.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

namespace pganalytics::bench {

using Clock = std::chrono::steady_clock;

inline double SecondsSince(Clock::time_point began) {
    return std::chrono::duration<double>(Clock::now() - began).count();
}

// Percentile of the sorted values, nearest rank. REQUIRES: values is not empty.
inline double Percentile(const std::vector<double>& sorted, double percent) {
    const auto rank = static_cast<size_t>(percent / 100.0 * static_cast<double>(sorted.size()));
    return sorted[std::min(rank, sorted.size() - 1)];
}

// PrintResult writes the line; `latencies` are seconds of each push.
inline void PrintResult(double seconds, int64_t rows, std::vector<double> latencies) {
    std::sort(latencies.begin(), latencies.end());
    std::printf(
        "{\"seconds\": %.6f, \"rows\": %lld, \"pushes\": %zu, \"p50_ms\": %.3f, "
        "\"p99_ms\": %.3f}\n",
        seconds, static_cast<long long>(rows), latencies.size(), 1000 * Percentile(latencies, 50),
        1000 * Percentile(latencies, 99));
}

}  // namespace pganalytics::bench
