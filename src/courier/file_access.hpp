// File access: which files a courier can read once its sandbox is closed.
#pragma once

#include "core/result.hpp"

namespace pganalytics::courier {

// RestrictFiles leaves the process the directories in which resolvers and OpenSSL look, to read:
// the data directory, with all that the server's user can read in it, is in none of them. Gives
// whether the kernel has Landlock, which does it; where it has not, file rights alone hold.
// REQUIRES: no_new_privs is set, one thread.
core::Result<bool> RestrictFiles();

}  // namespace pganalytics::courier
