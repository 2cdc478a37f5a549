// Gateway process: starting pganalytics-gateway by fork and exec, and ending it.
#pragma once

#include "bgworker/listener.hpp"
#include "pg/prelude.hpp"

namespace pganalytics::bgworker {

// StartGateway forks and executes the program with the socketpair's other end as descriptor 3 and
// the listening sockets from 4 on, then the memory of rate limits, and nothing else of this
// process. Gives its pid and, in *fd, the worker's non-blocking end; 0 if it could not fork or make
// the pair (errno says why). A failed exec shows as an end of file on *fd.
pid_t StartGateway(const Listeners& listeners, int* fd);

// KillGateway ends the process, if it has not ended by itself, reaps it, and gives its wait status:
// how it ended by itself if it had. Waits only for the kernel.
int KillGateway(pid_t pid);

// HasEnded reaps the process if it has ended by itself.
bool HasEnded(pid_t pid);

// DescribeEnd says how a process ended, from its wait status.
void DescribeEnd(int wait_status, char* out, size_t out_size);

}  // namespace pganalytics::bgworker
