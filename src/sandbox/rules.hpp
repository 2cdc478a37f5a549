// Rules: the form in which a program lists the system calls that it may make.
#pragma once

#include <cstdint>

namespace pganalytics::sandbox {

// Condition is a condition on one argument of a system call: the argument's bits in `mask` must be
// `value`.
struct Condition {
    static constexpr unsigned kNone = ~0U;
    static constexpr uint64_t kWhole = ~uint64_t{0};

    unsigned argument = kNone;
    uint64_t mask = kWhole;
    uint64_t value = 0;
};

// Is requires that an argument, counted from 0, is `value`.
constexpr Condition Is(unsigned argument, uint64_t value) {
    return {argument, Condition::kWhole, value};
}
// HasBits requires that the bits in `mask` of an argument are those of `value`.
constexpr Condition HasBits(unsigned argument, uint64_t mask, uint64_t value) {
    return {argument, mask, value};
}

// Rule allows a system call whose arguments meet all conditions or, if `error` is not 0, makes the
// call fail with that errno. A call that meets no rule ends the process. `call` is a name as in
// syscalls(2). It may be a call that this machine does not have.
struct Rule {
    static constexpr int kConditions = 2;

    const char* call;
    Condition conditions[kConditions] = {};
    int error = 0;  // 0: the call is allowed
};

}  // namespace pganalytics::sandbox
