// The metric catalog lists each metric once, with its JSON type, its relation and its columns. The
// gateway decodes pushes by it, the worker inserts rows by it, and the collector writes push bodies
// by it. A regression test compares it with the SQL. A new metric needs an entry here, a table, and
// a test with its expected file (CONTRIBUTING.md).
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
