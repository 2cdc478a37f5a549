// Keep: decides which rows to store of metrics that are not stored at every sample.
#pragma once

#include "pg/store/metrics/metric_rows.hpp"

namespace pganalytics::pg {

// KeepOnce clears `kept` of the rows whose texts are already stored under the same series, at
// `oldest` or later, or come earlier in the group. It sets content_hash of the others: the first 8
// bytes, in network order, of the SHA-256 over the texts of the row, each followed by a zero byte.
// Times are not hashed: old collectors send the time of sending, not that of the log line. ERROR
// 55P03 after lock_timeout. REQUIRES: SPI connected, series resolved.
void KeepOnce(const MetricRows& rows, TimestampTz oldest);

// Call CommitKeptOnce after a commit and ForgetTouchedKeptOnce after an abort: what an aborted
// transaction stored is not in the table. Call ForgetKeptOnce when the extension was dropped and
// created again.
void CommitKeptOnce();
void ForgetTouchedKeptOnce();
void ForgetKeptOnce();

// KeepChanges clears `kept` of the rows that repeat what is stored of their series. It marks a
// series as gone if the newest sample of its database no longer names it. The rows of a series at
// one time are compared as a set. The first sample of each UTC day is stored even if nothing has
// changed, so that no partition depends on an older one. A sample that is older than what is stored
// of its series (a late retry) is stored if it differs, and changes no state. ERROR 55P03 after
// lock_timeout.
// REQUIRES: SPI connected, series resolved, LockServers() of all rows.
void KeepChanges(const MetricRows& rows);

}  // namespace pganalytics::pg
