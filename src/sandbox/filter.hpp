// Filter: makes the seccomp filter from the rules of one program and the rules of every program.
#pragma once

#include <seccomp.h>

#include <memory>
#include <span>

#include "core/result.hpp"
#include "sandbox/rules.hpp"

namespace pganalytics::sandbox {

struct FilterDeleter {
    void operator()(void* filter) const { seccomp_release(filter); }
};
using FilterPtr = std::unique_ptr<void, FilterDeleter>;

// MakeFilter returns a filter that kills the process at any system call without a rule in `own` or
// in the rules of every program. Errors: libseccomp does not know the name of a call; two rules
// contradict each other.
core::Result<FilterPtr> MakeFilter(std::span<const Rule> own);

}  // namespace pganalytics::sandbox
