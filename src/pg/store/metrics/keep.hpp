// Keep: which rows are stored of metrics that are not stored as often as they come.
#pragma once

#include "pg/store/metrics/metric_rows.hpp"

namespace pganalytics::pg {

// KeepOnce clears `kept` of the rows whose texts are stored already under the same series, at
// `oldest` or later, or come earlier in the group; and sets content_hash of the others: the first 8
// bytes, in network order, of the SHA-256 over the texts of the row, each followed by a byte of
// zero. Nothing else of a row counts: the time that an old collector writes beside a log line is
// no fact. ERROR 55P03 after lock_timeout. REQUIRES: SPI connected, series resolved.
void KeepOnce(const MetricRows& rows, TimestampTz oldest);

// CommitKeptOnce and ForgetTouchedKeptOnce end a transaction: what an aborted one had stored is not
// there. ForgetKeptOnce: the extension was made anew.
void CommitKeptOnce();
void ForgetTouchedKeptOnce();
void ForgetKeptOnce();

// KeepChanges clears `kept` of the rows that say what is stored of their series already, and marks
// as gone the series that the newest sample of their database no longer names. The rows of a series
// at one time are a set. What is stored is repeated by the first sample of each UTC day, so that no
// partition needs an older one. A sample that is older than what is stored of its series (a late
// retry) is stored if it says something else, and changes no state. ERROR 55P03 after lock_timeout.
// REQUIRES: SPI connected, series resolved, LockServers() of all rows.
void KeepChanges(const MetricRows& rows);

}  // namespace pganalytics::pg
