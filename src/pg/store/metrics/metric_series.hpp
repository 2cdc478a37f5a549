// Metric series: maps what a row is about (server, relation, database, labels) to the number of a
// series. The worker caches the numbers, so that it rarely reads metric_series.
#pragma once

#include "pg/store/metrics/metric_rows.hpp"

namespace pganalytics::pg {

// ResolveMetricSeries sets series_id of all rows. It drops the rows that need a new series beyond
// the quota of their collector, and counts them in the tallies. It adds all new series with one
// statement, in the order of their keys, so that two workers that add the same series cannot
// deadlock. ERROR 55P03 after lock_timeout. REQUIRES: SPI connected; VerifyTexts has accepted the
// blocks.
void ResolveMetricSeries(MetricRows* rows);

// CommitMetricSeries, ForgetTouchedMetricSeries and ForgetMetricSeries update the cache. Call the
// first after a commit, the second after an abort, and the third when the extension was dropped and
// created again.
void CommitMetricSeries();
void ForgetTouchedMetricSeries();
void ForgetMetricSeries();

}  // namespace pganalytics::pg
