// Worker counters: worker_counters.def as types. The gateway's counters come after the worker's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>

namespace pganalytics::protocol {

enum class WorkerCounter : uint32_t {
#define WORKER_COUNTER(id, ...) id,
#define GATEWAY_COUNTER(id, ...) id,
#include "protocol/worker_counters.def"
};

// GatewayCounter is the index of a counter in Counters::totals.
enum class GatewayCounter : uint32_t {
#define GATEWAY_COUNTER(id, ...) id,
#include "protocol/worker_counters.def"
};

struct WorkerCounterFacts {
    const char* name;  // of the column in pganalytics.workers
    bool of_gateway;   // true: the gateway counts it; false: the worker does
    const char* metric;
    const char* meaning;
};
inline constexpr WorkerCounterFacts kWorkerCounterFacts[] = {
#define WORKER_COUNTER(id, name, metric, meaning) {#name, false, metric, meaning},
#define GATEWAY_COUNTER(id, name, metric, meaning) {#name, true, metric, meaning},
#include "protocol/worker_counters.def"
};

inline constexpr size_t kWorkerCounters = std::size(kWorkerCounterFacts);
inline constexpr size_t kFirstGatewayCounter = static_cast<size_t>(WorkerCounter::kAccepted);
inline constexpr size_t kGatewayCounters = kWorkerCounters - kFirstGatewayCounter;
static_assert(!kWorkerCounterFacts[kFirstGatewayCounter - 1].of_gateway);
static_assert(kWorkerCounterFacts[kFirstGatewayCounter].of_gateway);

}  // namespace pganalytics::protocol
