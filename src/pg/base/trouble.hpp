// Trouble: errors of a worker, shown in its row of pganalytics.workers and logged once.
#pragma once

#include "pg/base/shmem.hpp"

namespace pganalytics::pg {

// ShowTrouble writes a message and the time into a worker's row. It returns true if the row had
// another message before, so that the caller can log a repeated message only once. The text in the
// row is always valid UTF-8: '?' replaces each invalid byte, and a long text is cut between two
// characters. Raises no ERROR.
bool ShowTrouble(WorkerStatus* status, const char* format, ...) pg_attribute_printf(2, 3);

// The same, and the kind goes into the row with the message, so that no other worker sees the one
// without the other.
bool ShowTrouble(WorkerStatus* status, WorkerErrorKind kind, const char* format, ...)
    pg_attribute_printf(3, 4);

// ReportTrouble shows a message as ShowTrouble does, and logs it as a WARNING unless the row had
// this message already. The format begins in lower case, because the log line puts "pganalytics"
// before it.
void ReportTrouble(WorkerStatus* status, int sqlstate, const char* format, ...)
    pg_attribute_printf(3, 4);

// ShowWaiting writes into the row that the worker waits, and for what. If the row says so already,
// it changes nothing and returns false.
bool ShowWaiting(WorkerStatus* status, const char* why);

}  // namespace pganalytics::pg
