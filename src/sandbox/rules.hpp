// Rules: how a program writes down which system calls it may make.
#pragma once

#include <cstdint>

namespace pganalytics::sandbox {

// Condition is what a rule asks of one argument of its call: the bits in `mask` must be `value`.
struct Condition {
    static constexpr unsigned kNone = ~0U;
    static constexpr uint64_t kWhole = ~uint64_t{0};

    unsigned argument = kNone;
    uint64_t mask = kWhole;
    uint64_t value = 0;
};

// Is asks that an argument, counted from 0, is `value`.
constexpr Condition Is(unsigned argument, uint64_t value) {
    return {argument, Condition::kWhole, value};
}
// HasBits asks that the bits in `mask` of an argument are those of `value`.
constexpr Condition HasBits(unsigned argument, uint64_t mask, uint64_t value) {
    return {argument, mask, value};
}

// Rule allows a call whose arguments meet all conditions, or refuses it with an error. A call that
// meets no rule ends the process. A call is named as in syscalls(2); one that this machine does not
// have needs no rule and is no mistake.
struct Rule {
    static constexpr int kConditions = 2;

    const char* call;
    Condition conditions[kConditions] = {};
    int error = 0;  // 0: the call is made
};

}  // namespace pganalytics::sandbox
