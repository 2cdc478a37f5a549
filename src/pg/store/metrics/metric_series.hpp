// Metric series: from what a row is about (server, relation, database, labels) to its number,
// through a cache in the worker's memory in front of metric_series.
#pragma once

#include "pg/store/metrics/metric_rows.hpp"

namespace pganalytics::pg {

// ResolveMetricSeries sets series_id of all rows, adding the series that are new: two statements
// for the whole group at most, in the order of the key, so that two workers that add the same
// series never wait for each other in a circle. ERROR 55P03 after lock_timeout.
// REQUIRES: SPI connected; VerifyTexts of the blocks.
void ResolveMetricSeries(const MetricRows& rows);

// CommitMetricSeries and ForgetTouchedMetricSeries end a transaction: after an abort, what it added
// must go, for it is not in the table. ForgetMetricSeries: the extension was made anew.
void CommitMetricSeries();
void ForgetTouchedMetricSeries();
void ForgetMetricSeries();

}  // namespace pganalytics::pg
