// Sandbox: limits what a program may ask of the kernel while it handles data of strangers.
#pragma once

#include <span>

#include "core/result.hpp"
#include "sandbox/rules.hpp"

namespace pganalytics::sandbox {

// Sandbox is what a program may still do.
struct Sandbox {
    std::span<const Rule> calls;  // in addition to those of every program (filter.cpp)
    // If there are any, the program can open only files below these directories, and only to read.
    std::span<const char* const> readable_directories = {};
};

// Enter sets no_new_privs and closes the sandbox for good, for all threads: a system call without a
// rule ends the process. False if there is no sandbox: without libseccomp, under sanitizers and
// under valgrind.
// REQUIRES: it has not been entered before. One thread, if there are readable directories.
core::Result<bool> Enter(const Sandbox& sandbox);

}  // namespace pganalytics::sandbox
