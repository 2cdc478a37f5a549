// Sandbox: the system calls that are left to the program that holds the authority's key.
#pragma once

#include "core/result.hpp"

namespace pganalytics::ca {

// EnterSandbox takes from the process, for good, everything but reading and writing files and the
// descriptors it has: no network, no other program, no other process. Does nothing where libseccomp
// is missing, and when it has been called before.
core::Status EnterSandbox();

}  // namespace pganalytics::ca
