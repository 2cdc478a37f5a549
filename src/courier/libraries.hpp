// Libraries: sets up libcurl and OpenSSL so that they leave no secrets in memory.
#pragma once

namespace pganalytics::courier {

// StartLibraries initialises libcurl and OpenSSL and makes them overwrite memory before they free
// it, because that memory may contain copies of secrets. It returns false if that failed.
bool StartLibraries();

}  // namespace pganalytics::courier
