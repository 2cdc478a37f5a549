// Program: starts one of our own programs by fork and exec, and ends it.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::bgworker {

inline constexpr char kGatewayProgram[] = "pganalytics-gateway";
inline constexpr char kAuthorityProgram[] = "pganalytics-ca";
inline constexpr char kCourierProgram[] = "pganalytics-courier";
inline constexpr int kMaxProgramFds = 32;

// StartProgram forks and executes the program `name`. It returns the pid and sets *fd to the
// worker's end of a socketpair, which is non-blocking. The program has only these descriptors:
//   0       /dev/null
//   1, 2    standard output and standard error of this process
//   3       the program's end of the socketpair
//   from 4  the `count` descriptors of `fds`
// If fork or socketpair fails, StartProgram returns 0 (errno says why). If exec fails, *fd reaches
// its end of file.
// REQUIRES: count <= kMaxProgramFds.
pid_t StartProgram(const char* name, const int* fds, int count, int* fd);

// KillProgram kills the process, reaps it and returns its wait status. If the process had ended by
// itself before, the status tells how. KillProgram waits only for the kernel.
int KillProgram(pid_t pid);

// HasEnded: the process has ended by itself. HasEnded then reaps it.
bool HasEnded(pid_t pid);

// WasKilled: the wait status says that somebody else has ended the process (SIGKILL, SIGTERM and
// the like), so its end does not show that the program fails.
bool WasKilled(int wait_status);

// HasCrashed: the program was started, and nobody else has ended it. For a program that had work
// left to do, this means that it could not deal with its work.
bool HasCrashed(int wait_status);

// DescribeEnd writes to `out` how a process ended, according to its wait status.
void DescribeEnd(const char* name, int wait_status, char* out, size_t out_size);

}  // namespace pganalytics::bgworker
