// Trouble: what a worker could not do: shown in its row of pganalytics.workers, logged once.
#pragma once

#include "pg/base/shmem.hpp"

namespace pganalytics::pg {

// ShowTrouble puts a message and the time into a worker's row. The message is UTF-8 there, cut
// between characters, whatever bytes it is made of. Gives whether the row had another message: a
// message that comes again and again is then logged once. Raises no ERROR.
bool ShowTrouble(WorkerStatus* status, const char* format, ...) pg_attribute_printf(2, 3);

// ReportTrouble shows a message, and logs it as a WARNING unless the row had it already. It begins
// in lower case; "pganalytics" is put before it.
void ReportTrouble(WorkerStatus* status, int sqlstate, const char* format, ...)
    pg_attribute_printf(3, 4);

// ShowWaiting shows what a worker waits for, and that it waits. Gives whether that is news; if it
// is not, the row stays as it is.
bool ShowWaiting(WorkerStatus* status, const char* why);

}  // namespace pganalytics::pg
