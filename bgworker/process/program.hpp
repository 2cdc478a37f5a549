// Program: starts one of our own programs by fork and exec, and ends it.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::bgworker {

inline constexpr char kGatewayProgram[] = "pganalytics-gateway";
inline constexpr char kAuthorityProgram[] = "pganalytics-ca";
inline constexpr char kCourierProgram[] = "pganalytics-courier";
inline constexpr int kMaxProgramFds = 32;

// StartProgram forks and executes the program `name`. The program gets one end of a socketpair as
// descriptor 3, the `count` descriptors of `fds` from 4 on, and no other descriptor of this process
// but standard output and standard error. StartProgram returns the pid and sets *fd to the worker's
// end, which is non-blocking. It returns 0 if fork or socketpair failed (errno says why). A failed
// exec shows as an end of file on *fd.
// REQUIRES: count <= kMaxProgramFds.
pid_t StartProgram(const char* name, const int* fds, int count, int* fd);

// KillProgram kills the process, reaps it and returns its wait status. If the process had ended by
// itself before, the status tells how. KillProgram waits only for the kernel.
int KillProgram(pid_t pid);

// HasEnded: the process has ended by itself. HasEnded then reaps it.
bool HasEnded(pid_t pid);

// DescribeEnd writes to `out` how a process ended, according to its wait status.
void DescribeEnd(const char* name, int wait_status, char* out, size_t out_size);

}  // namespace pganalytics::bgworker
