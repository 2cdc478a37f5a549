// Sandbox: what the process may still ask of the kernel once it talks to strangers.
#pragma once

#include "core/result.hpp"

namespace pganalytics::gateway {

// EnterSandbox sets no_new_privs and a seccomp filter that kills the process at any system call
// that serving connections does not need: no files, no new sockets but accepted ones, no programs,
// no signals to others. True when the sandbox is closed, false where the platform has none.
// REQUIRES: everything that needs files is done: certificates, time zone, entropy.
core::Result<bool> EnterSandbox();

}  // namespace pganalytics::gateway
