// Metric series: maps what a row is about (server, relation, database, labels) to a series number.
// A cache in the worker's memory stands in front of metric_series.
#pragma once

#include "pg/store/metrics/metric_rows.hpp"

namespace pganalytics::pg {

// ResolveMetricSeries sets series_id of all rows and adds the series that are new. It adds them
// with one statement for the whole group, in the order of the key, so that two workers that add the
// same series cannot deadlock. ERROR 55P03 after lock_timeout.
// REQUIRES: SPI connected; VerifyTexts of the blocks.
void ResolveMetricSeries(const MetricRows& rows);

// Call CommitMetricSeries after a commit and ForgetTouchedMetricSeries after an abort: what an
// aborted transaction added is not in the table. Call ForgetMetricSeries when the extension was
// dropped and created again.
void CommitMetricSeries();
void ForgetTouchedMetricSeries();
void ForgetMetricSeries();

}  // namespace pganalytics::pg
