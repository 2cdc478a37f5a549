// Trouble: errors of a worker, shown in its row of pganalytics.workers and logged once.
#pragma once

#include "pg/base/shmem.hpp"

namespace pganalytics::pg {

// ShowTrouble writes a message and the time into a worker's row. Whatever bytes the message has,
// the row's text is valid UTF-8, cut between characters. Returns true if the row had another
// message: a caller that logs only then logs a repeated message once. Raises no ERROR.
bool ShowTrouble(WorkerStatus* status, const char* format, ...) pg_attribute_printf(2, 3);

// ReportTrouble shows a message, and logs it as a WARNING unless the row had it already. The
// message begins in lower case; the log line puts "pganalytics" before it.
void ReportTrouble(WorkerStatus* status, int sqlstate, const char* format, ...)
    pg_attribute_printf(3, 4);

// ShowWaiting shows that a worker waits, and what for. Returns false, and leaves the row as it is,
// if the row shows that already.
bool ShowWaiting(WorkerStatus* status, const char* why);

}  // namespace pganalytics::pg
