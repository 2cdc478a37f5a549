// Libraries: how libcurl and OpenSSL are used so that they leave no secrets behind.
#pragma once

namespace pganalytics::courier {

// StartLibraries gives libcurl and OpenSSL memory that is overwritten when they free it, where
// copies of secrets may be, and initialises them. False if that is not to be had.
bool StartLibraries();

}  // namespace pganalytics::courier
