// Sandbox rules: the system calls of the program that holds the authority's key, beside those of
// every program (sandbox/filter.cpp). It reads and writes files and the descriptors that it has: no
// network, no other program, no other process.
#pragma once

#include "sandbox/rules.hpp"

namespace pganalytics::ca {

// Where a libc has two ways to do a thing, both.
inline constexpr sandbox::Rule kSandboxRules[] = {
    // reads certificates and lists
    {"fcntl"},
    {"fstat"},
    {"lseek"},
    {"lstat"},
    {"newfstatat"},
    {"open"},
    {"openat"},
    {"stat"},
    // writes a new file, then puts it in the place of the old one
    {"fchmod"},
    {"fsync"},
    {"rename"},
    {"renameat"},
    {"renameat2"},
    {"unlink"},
    {"unlinkat"},
};

}  // namespace pganalytics::ca
