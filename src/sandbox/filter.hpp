// Filter: the rules of a program and those of every program, as libseccomp has them.
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

// MakeFilter gives the filter that kills the process at any call that neither `own` nor the rules
// of every program speak of. Errors: a name that libseccomp does not know, rules that contradict
// each other.
core::Result<FilterPtr> MakeFilter(std::span<const Rule> own);

}  // namespace pganalytics::sandbox
