// Quotas: what one collector may add to the tables of names, series and texts, so that no sender
// can fill them. pganalytics.collector_usage shows how much each has added.
#pragma once

#include "pg/store/metrics/push_job.hpp"

namespace pganalytics::pg {

// AllowSeries returns how many of `wanted` new series the push's collector may add, and counts them
// as added. AllowText: the collector may store a new text of so many bytes today; it is counted.
// Both read the usage of the collector at their first call in a transaction. If two workers add at
// once, each may use all that is left. REQUIRES: SPI connected.
int AllowSeries(const PushJob& job, int wanted);
bool AllowText(const PushJob& job, size_t bytes);

// SaveUsage writes into server_usage what the transaction has added. REQUIRES: SPI connected.
void SaveUsage();

// ForgetUsage forgets what a transaction has read and added. Call it before each transaction.
void ForgetUsage();

}  // namespace pganalytics::pg
