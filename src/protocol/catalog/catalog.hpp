// The metric catalog: each metric once, with its JSON type, its relation and its columns. The
// gateway decodes by it, the worker inserts by it, and the collector writes push bodies by it; a
// regression test compares it with the SQL. A new metric needs an entry, a table and an expected
// file.
#pragma once

#include <span>
#include <string_view>

#include "protocol/catalog/types.hpp"

namespace pganalytics::protocol {

// Catalog returns every metric that is stored, in the order of their ids.
std::span<const Metric> Catalog();

// FindMetric returns a metric by its id, kAccounts included; nullptr if there is none.
const Metric* FindMetric(MetricId id);

// MetricsOfType returns the metrics of a JSON type, which are adjacent; empty if there is none.
std::span<const Metric> MetricsOfType(std::string_view type);

}  // namespace pganalytics::protocol
