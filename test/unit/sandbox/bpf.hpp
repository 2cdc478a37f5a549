// ActionOf runs a filter as the kernel does, so that a test can ask what it would do with a call.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "sandbox/filter.hpp"

namespace pganalytics::sandbox {

using Arguments = std::array<uint64_t, 6>;

// ProgramOf returns a filter as the BPF program that the kernel would load.
inline std::vector<sock_filter> ProgramOf(scmp_filter_ctx filter) {
    int ends[2];
    if (pipe(ends) != 0 || seccomp_export_bpf(filter, ends[1]) != 0) {
        throw std::runtime_error("no program");
    }
    close(ends[1]);
    std::vector<sock_filter> program;
    sock_filter one;
    while (read(ends[0], &one, sizeof(one)) == sizeof(one)) program.push_back(one);
    close(ends[0]);
    return program;
}

// ActionOf is what the program returns for a call (SECCOMP_RET_*). It throws at an instruction that
// libseccomp does not write.
inline uint32_t ActionOf(const std::vector<sock_filter>& program, int call,
                         const Arguments& arguments) {
    seccomp_data data = {};
    data.nr = call;
    data.arch = seccomp_arch_native();
    std::memcpy(data.args, arguments.data(), sizeof(data.args));
    uint32_t a = 0;
    for (size_t at = 0; at < program.size(); ++at) {
        const sock_filter& one = program[at];
        switch (one.code) {
            case BPF_LD | BPF_W | BPF_ABS:
                std::memcpy(&a, reinterpret_cast<const char*>(&data) + one.k, sizeof(a));
                break;
            case BPF_ALU | BPF_AND | BPF_K:
                a &= one.k;
                break;
            case BPF_JMP | BPF_JA:
                at += one.k;
                break;
            case BPF_JMP | BPF_JEQ | BPF_K:
                at += a == one.k ? one.jt : one.jf;
                break;
            case BPF_JMP | BPF_JGE | BPF_K:
                at += a >= one.k ? one.jt : one.jf;
                break;
            case BPF_JMP | BPF_JGT | BPF_K:
                at += a > one.k ? one.jt : one.jf;
                break;
            case BPF_RET | BPF_K:
                return one.k;
            default:
                throw std::runtime_error("an instruction that is not known here");
        }
    }
    throw std::runtime_error("the program has no end");
}

}  // namespace pganalytics::sandbox
