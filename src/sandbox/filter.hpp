// Filter: makes a seccomp filter from the rules of one program and the rules that all programs
// share.
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

// MakeFilter returns a filter that kills the process at any system call that has a rule neither in
// `own` nor in the shared rules. Errors: libseccomp does not know the name of a call; two rules
// contradict each other.
core::Result<FilterPtr> MakeFilter(std::span<const Rule> own);

}  // namespace pganalytics::sandbox
