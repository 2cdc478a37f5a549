// Sandbox rules: the system calls of a gateway, beside those of every program (sandbox/filter.cpp).
// It cannot open files or sockets (it can accept connections), start programs or signal other
// processes.
#pragma once

#include <fcntl.h>
#include <sys/ioctl.h>

#include "sandbox/rules.hpp"

namespace pganalytics::gateway {

// A missing call kills a gateway in production when it needs that call: each call has a test that
// makes it. Where a libc has two ways to do a thing, both are listed.
inline constexpr sandbox::Rule kSandboxRules[] = {
    // to accept connections
    {"accept"},
    {"accept4"},
    // to wait: Asio's reactor and timer, and the thread that writes frames
    {"epoll_ctl"},
    {"epoll_pwait"},
    {"epoll_wait"},
    {"poll"},
    {"ppoll"},
    {"timerfd_settime"},
    // to make connections non-blocking
    {"fcntl", {sandbox::Is(1, F_GETFL)}},
    {"fcntl", {sandbox::Is(1, F_SETFL)}},
    {"ioctl", {sandbox::Is(1, FIONBIO)}},
    {"setsockopt"},
    // to read, write and close connections
    {"recvfrom"},
    {"recvmsg"},
    {"sendmsg"},
    {"sendto"},
    {"shutdown"},
};

}  // namespace pganalytics::gateway
