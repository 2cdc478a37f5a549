// Gateway process: starting pganalytics-gateway by fork and exec, and ending it.
#pragma once

#include "bgworker/listener.hpp"
#include "pg/prelude.hpp"

namespace pganalytics::bgworker {

// StartGateway forks and executes the program with the socketpair's other end as descriptor 3 and
// the listening sockets from 4 on, and nothing else of this process. Gives its pid and, in *fd,
// the worker's non-blocking end; 0 if it could not fork or make the pair (errno says why). A failed
// exec shows as an end of file on *fd.
pid_t StartGateway(const Listeners& listeners, int* fd);

// KillGateway ends the process at once and reaps it. Async-signal-unsafe; waits only for the
// kernel.
void KillGateway(pid_t pid);

// ReapGateway is true, with the wait status, once the process has ended.
bool ReapGateway(pid_t pid, int* wait_status);

}  // namespace pganalytics::bgworker
