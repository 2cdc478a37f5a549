#include "sandbox/filter.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace pganalytics::sandbox {
namespace {

// kBase has the system calls that the C library and OpenSSL need in any program. Some of them are
// rare, so a missing rule would kill a program only in production:
//   getrandom: OpenSSL calls it only when it reseeds, after hours.
//   clock_gettime, gettimeofday: they are system calls only where the vDSO cannot read the clock.
constexpr Rule kBase[] = {
    // memory for data, never for code
    {"brk"},
    {"madvise"},
    {"mmap", {HasBits(2, PROT_EXEC, 0)}},
    {"mprotect", {HasBits(2, PROT_EXEC, 0)}},
    {"mremap"},
    {"munmap"},
    // open descriptors
    {"close"},
    {"read"},
    {"write"},
    // locks, time, random numbers
    {"clock_gettime"},
    {"futex"},
    {"getpid"},
    {"getrandom"},
    {"gettimeofday"},
    // signals, and calls that they interrupt
    {"restart_syscall"},
    {"rt_sigprocmask"},
    {"rt_sigreturn"},
    // exit
    {"exit"},
    {"exit_group"},
};

core::Error Failed(const Rule& rule, int error) {
    return core::Error{std::string("could not make the rule of the sandbox for ") + rule.call +
                       ": " + std::strerror(-error)};
}

int Add(scmp_filter_ctx filter, const Rule& rule, int call) {
    scmp_arg_cmp arguments[Rule::kConditions] = {};
    unsigned count = 0;
    for (const Condition& condition : rule.conditions) {
        if (condition.argument == Condition::kNone) continue;
        arguments[count++] =
            condition.mask == Condition::kWhole
                ? SCMP_CMP(condition.argument, SCMP_CMP_EQ, condition.value)
                : SCMP_CMP(condition.argument, SCMP_CMP_MASKED_EQ, condition.mask, condition.value);
    }
    const uint32_t action =
        rule.error == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(static_cast<uint32_t>(rule.error));
    return seccomp_rule_add_array(filter, action, call, count, arguments);
}

}  // namespace

core::Result<FilterPtr> MakeFilter(std::span<const Rule> own) {
    FilterPtr filter(seccomp_init(SCMP_ACT_KILL_PROCESS));
    if (filter == nullptr) return core::Error{"could not make the filter of the sandbox"};
    for (const std::span<const Rule> rules : {std::span<const Rule>(kBase), own}) {
        for (const Rule& rule : rules) {
            const int call = seccomp_syscall_resolve_name(rule.call);
            if (call == __NR_SCMP_ERROR) return Failed(rule, -EINVAL);
            if (const int error = Add(filter.get(), rule, call)) return Failed(rule, error);
        }
    }
    // Apply the filter also to threads that already run.
    if (const int error = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1)) {
        return core::Error{std::string("could not make the sandbox for all threads: ") +
                           std::strerror(-error)};
    }
    return filter;
}

}  // namespace pganalytics::sandbox
