// Secrets that stand in files of their own.
#pragma once

#include <string>

#include "core/result.hpp"

namespace pganalytics::collector {

// ReadSecretFile gives the content of a file without the line break at its end. Refuses what is
// not a regular file, is open to group or others, is empty, or is longer than 64 kB. Messages name
// the path and never the content.
core::Result<std::string> ReadSecretFile(const std::string& path);

}  // namespace pganalytics::collector
