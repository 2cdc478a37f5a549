// Sandbox: limits what a program may ask of the kernel while it handles untrusted data.
#pragma once

#include <span>

#include "core/result.hpp"
#include "sandbox/rules.hpp"

namespace pganalytics::sandbox {

// Sandbox lists what a program may still do after Enter.
struct Sandbox {
    std::span<const Rule> calls;  // in addition to the rules of every program (filter.cpp)
    // If the list is not empty, the program can open only files below these directories, and only
    // to read.
    std::span<const char* const> readable_directories = {};
};

// Enter sets no_new_privs and puts all threads into the sandbox until the process ends: a system
// call without a rule then ends the process. It returns false if this build has no sandbox: builds
// without libseccomp, for sanitizers or for valgrind have none.
// REQUIRES: Enter was not called before. If there are readable directories, the process has one
// thread.
core::Result<bool> Enter(const Sandbox& sandbox);

}  // namespace pganalytics::sandbox
