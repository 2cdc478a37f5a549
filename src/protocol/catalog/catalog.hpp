// The metric catalog: each metric once, with its JSON type, its relation and its columns. The
// gateway uses it to decode pushes, the worker to insert rows, and the collector to write push
// bodies. A regression test compares it with the SQL. A new metric needs an entry, a table and an
// expected file.
#pragma once

#include <span>
#include <string_view>

#include "protocol/catalog/types.hpp"

namespace pganalytics::protocol {

// Catalog returns every metric that is stored, in the order of their ids.
std::span<const Metric> Catalog();

// FindMetric returns the metric with this id, which may be kAccounts. It returns nullptr if there
// is none.
const Metric* FindMetric(MetricId id);

// MetricsOfType returns the metrics of a JSON type, which are adjacent in the catalog. The span is
// empty if there are none.
std::span<const Metric> MetricsOfType(std::string_view type);

}  // namespace pganalytics::protocol
