// Program: starting one of our own programs by fork and exec, and ending it.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::bgworker {

inline constexpr char kGatewayProgram[] = "pganalytics-gateway";
inline constexpr char kAuthorityProgram[] = "pganalytics-ca";
inline constexpr char kCourierProgram[] = "pganalytics-courier";
inline constexpr int kMaxProgramFds = 32;

// StartProgram forks and executes the program of that name with a socketpair's other end as
// descriptor 3, the `count` descriptors from 4 on, and nothing else of this process. Gives its pid
// and, in *fd, the worker's non-blocking end; 0 if it could not fork or make the pair (errno says
// why). A failed exec shows as an end of file on *fd. REQUIRES: count <= kMaxProgramFds.
pid_t StartProgram(const char* name, const int* fds, int count, int* fd);

// KillProgram ends the process, if it has not ended by itself, reaps it, and gives its wait status:
// how it ended by itself if it had. Waits only for the kernel.
int KillProgram(pid_t pid);

// HasEnded reaps the process if it has ended by itself.
bool HasEnded(pid_t pid);

// DescribeEnd says how a process ended, from its wait status.
void DescribeEnd(const char* name, int wait_status, char* out, size_t out_size);

}  // namespace pganalytics::bgworker
