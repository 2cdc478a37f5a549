// Files: limits which files a program can read once its sandbox is closed.
#pragma once

#include <span>

#include "core/result.hpp"

namespace pganalytics::sandbox {

// RestrictFiles limits what the process can do in the file system to reading files and directories
// below `readable`. It skips a directory that does not exist. It returns false if the kernel has no
// Landlock; then only the file permissions apply.
// REQUIRES: no_new_privs is set; the process has one thread.
core::Result<bool> RestrictFiles(std::span<const char* const> readable);

}  // namespace pganalytics::sandbox
