// Sandbox: the system calls that are left to a program that connects to whom it is told to.
#pragma once

#include "core/result.hpp"

namespace pganalytics::courier {

// EnterSandbox takes from the process, for good, everything but connections over IP, threads, and
// reading files: no other program or process, no file written, no port opened. Where the kernel
// has Landlock, only the files of resolvers and certificates are read (file_access.hpp). Gives
// whether there is a sandbox: there is none without libseccomp and under sanitizers.
// REQUIRES: one thread.
core::Result<bool> EnterSandbox();

}  // namespace pganalytics::courier
