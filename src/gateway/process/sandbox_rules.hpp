// Sandbox rules: the system calls of a gateway, in addition to those of every program
// (sandbox/filter.cpp). A gateway can accept connections. It cannot open files or other sockets,
// start programs, or signal other processes.
#pragma once

#include <fcntl.h>
#include <sys/ioctl.h>

#include "sandbox/rules.hpp"

namespace pganalytics::gateway {

// If a call is missing here, the first use of the call kills a gateway in production. So each call
// has a test that makes it. Where C libraries use different calls for the same purpose, both are
// listed.
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
