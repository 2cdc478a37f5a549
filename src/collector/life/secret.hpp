// Secret files: each contains one secret.
#pragma once

#include <string>

#include "core/result.hpp"

namespace pganalytics::collector {

// ReadSecretFile returns the content of a file without its trailing line break. Refuses a file that
// is not regular, is open to group or others, is empty, or is longer than 64 kB. In
// $CREDENTIALS_DIRECTORY the group may read. Messages name the path, never the content.
core::Result<std::string> ReadSecretFile(const std::string& path);

// Denied is the error of a system call on `path` that has just set errno: "<what> "<path>": <why>".
// If permission was denied, it says whose the path is, who we are, and what to do.
core::Error Denied(const std::string& what, const std::string& path);

}  // namespace pganalytics::collector
