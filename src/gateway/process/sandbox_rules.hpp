// Sandbox rules: the system calls of a gateway, beside those of every program (sandbox/filter.cpp).
// No files, no sockets but those that it has and accepts, no programs, no signals to others.
#pragma once

#include <fcntl.h>
#include <sys/ioctl.h>

#include "sandbox/rules.hpp"

namespace pganalytics::gateway {

// A call that is missing kills a gateway in production, where it needs it: each has a test that
// makes it. Where a libc has two ways to do a thing, both.
inline constexpr sandbox::Rule kSandboxRules[] = {
    // takes connections
    {"accept"},
    {"accept4"},
    // waits: Asio's reactor and timer, and the thread that writes frames
    {"epoll_ctl"},
    {"epoll_pwait"},
    {"epoll_wait"},
    {"poll"},
    {"ppoll"},
    {"timerfd_settime"},
    // makes them non-blocking
    {"fcntl", {sandbox::Is(1, F_GETFL)}},
    {"fcntl", {sandbox::Is(1, F_SETFL)}},
    {"ioctl", {sandbox::Is(1, FIONBIO)}},
    {"setsockopt"},
    // reads, writes and ends them
    {"recvfrom"},
    {"recvmsg"},
    {"sendmsg"},
    {"sendto"},
    {"shutdown"},
};

}  // namespace pganalytics::gateway
