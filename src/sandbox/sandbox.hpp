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

// Enter puts all threads into the sandbox until the process ends, and sets no_new_privs. From then
// on a system call without a rule ends the process. Enter returns false if this build has no
// sandbox: builds without libseccomp, for sanitizers or for valgrind have none.
// REQUIRES: Enter was not called before. If there are readable directories, the process has one
// thread.
core::Result<bool> Enter(const Sandbox& sandbox);

}  // namespace pganalytics::sandbox
