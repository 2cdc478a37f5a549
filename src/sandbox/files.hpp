// Files: limits which files a program can read once its sandbox is closed.
#pragma once

#include <span>

#include "core/result.hpp"

namespace pganalytics::sandbox {

// RestrictFiles limits the process's access to the file system: it may only read files and
// directories below `readable`. A directory that does not exist is skipped. RestrictFiles returns
// false if the kernel has no Landlock; then only the file permissions apply.
// REQUIRES: no_new_privs is set; the process has one thread.
core::Result<bool> RestrictFiles(std::span<const char* const> readable);

}  // namespace pganalytics::sandbox
