// Metric catalog: joins the entries of all files, and finds metrics in them.
#include "protocol/catalog/catalog.hpp"

#include <array>

#include "protocol/catalog/activity.hpp"
#include "protocol/catalog/databases.hpp"
#include "protocol/catalog/host.hpp"
#include "protocol/catalog/queries.hpp"
#include "protocol/catalog/replication.hpp"
#include "protocol/catalog/schema.hpp"

namespace pganalytics::protocol {
namespace {

template <size_t... N>
constexpr auto Join(const Metric (&... parts)[N]) {
    std::array<Metric, (N + ...)> all = {};
    size_t at = 0;
    auto append = [&](const auto& part) {
        for (const Metric& metric : part) all[at++] = metric;
    };
    (append(parts), ...);
    return all;
}

constexpr auto kCatalog = Join(kQueriesMetrics, kDatabasesMetrics, kHostMetrics,
                               kReplicationMetrics, kActivityMetrics, kSchemaMetrics);

constexpr bool IsInOrder() {
    for (size_t i = 0; i < kCatalog.size(); ++i) {
        if (static_cast<size_t>(kCatalog[i].id) != i + 1) return false;
        if (kCatalog[i].columns.size() > kMaxColumns) return false;
    }
    return true;
}
static_assert(IsInOrder());

}  // namespace

std::span<const Metric> Catalog() { return kCatalog; }

const Metric* FindMetric(MetricId id) {
    if (id == MetricId::kAccounts) return &kAccountsMetric;
    const auto index = static_cast<size_t>(id) - 1;
    return index < kCatalog.size() ? &kCatalog[index] : nullptr;
}

std::span<const Metric> MetricsOfType(std::string_view type) {
    size_t first = 0;
    while (first < kCatalog.size() && kCatalog[first].type != type) ++first;
    size_t end = first;
    while (end < kCatalog.size() && kCatalog[end].type == type) ++end;
    return std::span(kCatalog).subspan(first, end - first);
}

}  // namespace pganalytics::protocol
