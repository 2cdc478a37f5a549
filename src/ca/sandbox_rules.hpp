// Sandbox rules: the system calls of the program that holds the authority's key, in addition to
// those of every program (sandbox/filter.cpp). This program may read and write files and its open
// descriptors. It may not use the network, start programs, or touch other processes.
#pragma once

#include "sandbox/rules.hpp"

namespace pganalytics::ca {

// Where C libraries use different calls for the same purpose, the list has all of them.
inline constexpr sandbox::Rule kSandboxRules[] = {
    // For reading certificates and lists.
    {"fcntl"},
    {"fstat"},
    {"lseek"},
    {"lstat"},
    {"newfstatat"},
    {"open"},
    {"openat"},
    {"stat"},
    // For writing a new file and replacing the old file with it.
    {"fchmod"},
    {"fsync"},
    {"rename"},
    {"renameat"},
    {"renameat2"},
    {"unlink"},
    {"unlinkat"},
};

}  // namespace pganalytics::ca
