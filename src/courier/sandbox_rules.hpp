// Sandbox rules: the system calls of the courier, in addition to those of every program
// (sandbox/filter.cpp). The courier may make IP connections to any host, start threads and read
// files. It may not start programs, touch other processes, write files or listen on a port.
#pragma once

#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>

#include "sandbox/rules.hpp"
#include "sandbox/sandbox.hpp"

namespace pganalytics::courier {

inline constexpr uint64_t kSocketType = 0xF;  // mask without SOCK_CLOEXEC and SOCK_NONBLOCK
inline constexpr uint64_t kThread = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;
inline constexpr uint64_t kWriting = O_ACCMODE | O_CREAT | O_TRUNC;

// Where C libraries use different calls for the same purpose, the list has all of them.
inline constexpr sandbox::Rule kSandboxRules[] = {
    // For connections over TCP, and over UDP to name servers.
    {"connect"},
    {"getpeername"},
    {"getsockname"},
    {"getsockopt"},
    {"setsockopt"},
    {"socket", {sandbox::Is(0, AF_INET), sandbox::HasBits(1, kSocketType, SOCK_STREAM)}},
    {"socket", {sandbox::Is(0, AF_INET), sandbox::HasBits(1, kSocketType, SOCK_DGRAM)}},
    {"socket", {sandbox::Is(0, AF_INET6), sandbox::HasBits(1, kSocketType, SOCK_STREAM)}},
    {"socket", {sandbox::Is(0, AF_INET6), sandbox::HasBits(1, kSocketType, SOCK_DGRAM)}},
    // For a netlink socket: getaddrinfo asks it which address families there are.
    {"bind"},
    {"socket", {sandbox::Is(0, AF_NETLINK), sandbox::Is(2, NETLINK_ROUTE)}},
    // The C library asks nscd first, and some resolvers ask their own service, over a Unix socket.
    // With this error they go on and use DNS.
    {"socket", {sandbox::Is(0, AF_UNIX)}, EAFNOSUPPORT},
    // For reading, writing and ending connections.
    {"ioctl", {sandbox::Is(1, FIONBIO)}},
    {"ioctl", {sandbox::Is(1, FIONREAD)}},
    {"poll"},
    {"ppoll"},
    {"recvfrom"},
    {"recvmmsg"},
    {"recvmsg"},
    {"sendmmsg"},
    {"sendmsg"},
    {"sendto"},
    {"shutdown"},
    {"writev"},
    // For starting and waking threads, which the resolver uses. New processes are not allowed.
    {"clone", {sandbox::HasBits(0, kThread, kThread)}},
    {"clone3", {}, ENOSYS},  // a filter cannot check its flags; libc falls back to clone
    {"eventfd2"},
    {"gettid"},
    {"pipe2"},
    {"rseq"},
    {"rt_sigaction"},
    {"sched_getaffinity", {}, EPERM},
    {"set_robust_list"},
    {"socketpair", {sandbox::Is(0, AF_UNIX)}},
    // For reading the files of resolvers and certificates.
    {"fcntl", {sandbox::Is(1, F_GETFD)}},
    {"fcntl", {sandbox::Is(1, F_SETFD)}},
    {"fcntl", {sandbox::Is(1, F_GETFL)}},
    {"fcntl", {sandbox::Is(1, F_SETFL)}},
    {"fstat"},
    {"lseek"},
    {"lstat"},
    {"newfstatat"},
    {"open", {sandbox::HasBits(1, kWriting, O_RDONLY)}},
    {"openat", {sandbox::HasBits(2, kWriting, O_RDONLY)}},
    {"pread64"},
    {"readlink"},
    {"stat"},
    {"statx"},
    {"uname"},
    // With this error the resolver cannot load a module from outside the C library. It then uses
    // the next module.
    {"mmap", {sandbox::HasBits(2, PROT_EXEC, PROT_EXEC)}, EACCES},
};

// kReadableDirectories are where the courier may read files. resolv.conf may be a link into /run,
// and certificates are links into /usr/share. None of the directories contains the data directory,
// whose files the server's user could read.
inline constexpr const char* kReadableDirectories[] = {
    "/etc",         "/run/NetworkManager", "/run/resolvconf",  "/run/systemd/resolve",
    "/usr/lib/ssl", "/usr/share",          "/usr/local/share",
};

inline constexpr sandbox::Sandbox kSandbox = {kSandboxRules, kReadableDirectories};

}  // namespace pganalytics::courier
