// Rules: the form in which a program lists the system calls that it may make.
#pragma once

#include <cstdint>

namespace pganalytics::sandbox {

// Condition tests argument number `argument` of a system call, counted from 0. The bits that are
// set in `mask` must equal those of `value`.
struct Condition {
    static constexpr unsigned kNone = ~0U;
    static constexpr uint64_t kWhole = ~uint64_t{0};

    unsigned argument = kNone;
    uint64_t mask = kWhole;
    uint64_t value = 0;
};

// Is requires that argument number `argument` equals `value`.
constexpr Condition Is(unsigned argument, uint64_t value) {
    return {argument, Condition::kWhole, value};
}
// HasBits compares only the bits that are set in `mask`.
constexpr Condition HasBits(unsigned argument, uint64_t mask, uint64_t value) {
    return {argument, mask, value};
}

// Rule allows a system call if its arguments meet all conditions. If `error` is not 0, the rule
// makes such a call fail with that errno instead. A call that meets no rule ends the process.
// `call` is a name as in syscalls(2). It may be a call that this machine does not have.
struct Rule {
    static constexpr int kConditions = 2;

    const char* call;
    Condition conditions[kConditions] = {};
    int error = 0;  // 0: the call is allowed
};

}  // namespace pganalytics::sandbox
