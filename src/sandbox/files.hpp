// Files: limits which files a program can read once its sandbox is closed.
#pragma once

#include <span>

#include "core/result.hpp"

namespace pganalytics::sandbox {

// RestrictFiles lets the process only read files below the directories `readable` and nothing else
// in the file system. It skips a directory that does not exist. False if the kernel has no
// Landlock; then only the file permissions apply.
// REQUIRES: no_new_privs is set, one thread.
core::Result<bool> RestrictFiles(std::span<const char* const> readable);

}  // namespace pganalytics::sandbox
