// Files: which files a program can read once its sandbox is closed.
#pragma once

#include <span>

#include "core/result.hpp"

namespace pganalytics::sandbox {

// RestrictFiles leaves the process the files below `readable`, to read: nothing else in the file
// system. A directory that does not exist is left out. Gives whether the kernel has Landlock, which
// does it; without it the rights of the files alone hold.
// REQUIRES: no_new_privs is set, one thread.
core::Result<bool> RestrictFiles(std::span<const char* const> readable);

}  // namespace pganalytics::sandbox
