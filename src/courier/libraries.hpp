// Libraries: sets up libcurl and OpenSSL so that they leave no secrets in memory.
#pragma once

namespace pganalytics::courier {

// StartLibraries makes libcurl and OpenSSL overwrite memory when they free it, because it may hold
// copies of secrets, and initialises them. False if that failed.
bool StartLibraries();

}  // namespace pganalytics::courier
