// Timing: clocks of the bench programs, and the JSON line with their results.
#pragma once

#include <sys/types.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace pganalytics::bench {

using Clock = std::chrono::steady_clock;

inline double SecondsSince(Clock::time_point began) {
    return std::chrono::duration<double>(Clock::now() - began).count();
}

// CpuSeconds is the CPU time of a process so far, of all its threads, in user and kernel mode; 0 if
// the process does not exist.
inline double CpuSeconds(pid_t pid) {
    clockid_t clock = CLOCK_PROCESS_CPUTIME_ID;
    timespec used = {};
    if (pid != 0 && clock_getcpuclockid(pid, &clock) != 0) return 0;
    clock_gettime(clock, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

// Percentile of the sorted values, by nearest rank. REQUIRES: values is not empty.
inline double Percentile(const std::vector<double>& sorted, double percent) {
    const auto rank = static_cast<size_t>(percent / 100.0 * static_cast<double>(sorted.size()));
    return sorted[std::min(rank, sorted.size() - 1)];
}

struct Measured {
    double seconds = 0;
    int64_t rows = 0;
    std::vector<double> latencies;  // seconds of each push
    double client_cpu = 0;          // seconds
    double backend_cpu = 0;         // seconds of the server's session, if there is one
    pid_t backend_pid = 0;
    int refused = 0;
};

inline void Print(Measured measured) {
    std::vector<double>& latencies = measured.latencies;
    std::sort(latencies.begin(), latencies.end());
    std::printf(
        "{\"seconds\": %.6f, \"rows\": %lld, \"pushes\": %zu, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
        "\"max_ms\": %.3f, \"client_cpu_s\": %.6f, \"backend_cpu_s\": %.6f, \"backend_pid\": %d, "
        "\"refused\": %d}\n",
        measured.seconds, static_cast<long long>(measured.rows), latencies.size(),
        1000 * Percentile(latencies, 50), 1000 * Percentile(latencies, 99), 1000 * latencies.back(),
        measured.client_cpu, measured.backend_cpu, measured.backend_pid, measured.refused);
}

}  // namespace pganalytics::bench
