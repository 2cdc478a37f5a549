// Sandbox: what a program may still ask of the kernel once it deals with strangers.
#pragma once

#include <span>

#include "core/result.hpp"
#include "sandbox/rules.hpp"

namespace pganalytics::sandbox {

// Sandbox is what a program leaves itself.
struct Sandbox {
    std::span<const Rule> calls;  // beside those of every program (filter.cpp)
    // If there are any, files below these directories alone are opened, and only to read them.
    std::span<const char* const> readable_directories = {};
};

// Enter sets no_new_privs and closes the sandbox for good, for all threads: a system call that no
// rule speaks of ends the process. Gives whether there is a sandbox: there is none without
// libseccomp, under sanitizers and under valgrind.
// REQUIRES: it has not been entered before. One thread, if there are readable directories.
core::Result<bool> Enter(const Sandbox& sandbox);

}  // namespace pganalytics::sandbox
