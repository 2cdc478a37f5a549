// Keep: for metrics whose rows are not stored at every sample, decides which rows to store.
#pragma once

#include "pg/store/metrics/metric_rows.hpp"

namespace pganalytics::pg {

// KeepOnce clears `kept` of a row if another row has the same series and the same texts, and either
// is stored already, with a time of `oldest` or later, or comes earlier in the group. In every row
// that it keeps, it sets content_hash: the first 8 bytes, in network order, of the SHA-256 over the
// texts of the row, each followed by a zero byte. Times are not hashed, because old collectors send
// the time of sending instead of the time of the log line. ERROR 55P03 after lock_timeout.
// REQUIRES: SPI connected, series resolved.
void KeepOnce(const MetricRows& rows, TimestampTz oldest);

// These functions update the cache of KeepOnce. Call the first after a commit, the second after an
// abort, and the third when the extension was dropped and created again.
void CommitContents();
void ForgetTouchedContents();
void ForgetContents();

// KeepChanges clears `kept` of the rows that repeat what is stored of their series. The rows of a
// series at one time are compared as a set. KeepChanges marks a series as gone if the newest sample
// of its database no longer names the series. The first sample of each UTC day is stored even if
// nothing has changed, so that no partition depends on an older one. A late retry may bring a
// sample that is older than what is stored of its series. Such a sample is stored if it differs,
// but the state of the series does not change. ERROR 55P03 after lock_timeout.
// REQUIRES: SPI connected, series resolved, LockServers() of all rows.
void KeepChanges(const MetricRows& rows);

}  // namespace pganalytics::pg
