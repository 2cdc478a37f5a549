// Keep: for metrics whose rows are not stored at every sample, decides which rows to store.
#pragma once

#include "pg/store/metrics/metric_rows.hpp"

namespace pganalytics::pg {

// KeepOnce clears `kept` of each row whose content is stored already or comes earlier in `rows`.
// The content of a row is its series and its texts. Stored rows with a time before `oldest` do not
// count. In every row that it keeps, KeepOnce sets content_hash: the first 8 bytes, in network
// order, of the SHA-256 over the row's texts, each followed by a zero byte. Times are not hashed,
// because old collectors send the time of sending instead of the time of the log line.
// ERROR 55P03 after lock_timeout.
// REQUIRES: SPI connected, series resolved.
void KeepOnce(const MetricRows& rows, TimestampTz oldest);

// These functions update the cache of KeepOnce. Call the first after a commit, the second after an
// abort, and the third when the extension was dropped and created again.
void CommitContents();
void ForgetTouchedContents();
void ForgetContents();

// KeepChanges clears `kept` of the rows that repeat what is stored of their series. It compares the
// rows of a series at one time as a set.
//   - The first rows of a series in a UTC day are stored even if nothing has changed, so that no
//     partition depends on an older one.
//   - If the newest sample of a database does not name a series, KeepChanges marks the series as
//     gone.
//   - A late retry may bring rows that are older than those stored of their series. They are stored
//     if they differ, but the state of the series does not change.
// ERROR 55P03 after lock_timeout.
// REQUIRES: SPI connected, series resolved, LockServers() called for all rows.
void KeepChanges(const MetricRows& rows);

}  // namespace pganalytics::pg
