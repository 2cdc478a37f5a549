// Sandbox rules: the system calls of a program that connects to whom it is told to, beside those of
// every program (sandbox/filter.cpp). Connections over IP, threads, and reading files: no other
// program or process, no file written, no port opened.
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

inline constexpr uint64_t kSocketType = 0xF;  // beside SOCK_CLOEXEC and SOCK_NONBLOCK
inline constexpr uint64_t kThread = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;
inline constexpr uint64_t kWriting = O_ACCMODE | O_CREAT | O_TRUNC;

// Where a libc has two ways to do a thing, both.
inline constexpr sandbox::Rule kSandboxRules[] = {
    // connects over TCP, and over UDP to the servers of names
    {"connect"},
    {"getpeername"},
    {"getsockname"},
    {"getsockopt"},
    {"setsockopt"},
    {"socket", {sandbox::Is(0, AF_INET), sandbox::HasBits(1, kSocketType, SOCK_STREAM)}},
    {"socket", {sandbox::Is(0, AF_INET), sandbox::HasBits(1, kSocketType, SOCK_DGRAM)}},
    {"socket", {sandbox::Is(0, AF_INET6), sandbox::HasBits(1, kSocketType, SOCK_STREAM)}},
    {"socket", {sandbox::Is(0, AF_INET6), sandbox::HasBits(1, kSocketType, SOCK_DGRAM)}},
    // a netlink socket, by which getaddrinfo learns which families of addresses there are
    {"bind"},
    {"socket", {sandbox::Is(0, AF_NETLINK), sandbox::Is(2, NETLINK_ROUTE)}},
    // The C library asks nscd first, and some resolvers a service of theirs; DNS is what is left.
    {"socket", {sandbox::Is(0, AF_UNIX)}, EAFNOSUPPORT},
    // reads, writes and ends connections
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
    // threads, of which the resolver is one, and what wakes the one that waits; processes never
    {"clone", {sandbox::HasBits(0, kThread, kThread)}},
    {"clone3", {}, ENOSYS},  // its flags are out of a filter's sight; clone is tried then
    {"eventfd2"},
    {"gettid"},
    {"pipe2"},
    {"rseq"},
    {"rt_sigaction"},
    {"sched_getaffinity", {}, EPERM},
    {"set_robust_list"},
    {"socketpair", {sandbox::Is(0, AF_UNIX)}},
    // reads the files of resolvers and certificates
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
    // A module of the resolver that is not in the C library cannot be loaded, and the next is
    // asked.
    {"mmap", {sandbox::HasBits(2, PROT_EXEC, PROT_EXEC)}, EACCES},
};

// resolv.conf may be a link into /run, certificates are links into /usr/share. The data directory,
// with all that the server's user can read in it, is in none of them.
inline constexpr const char* kReadableDirectories[] = {
    "/etc",         "/run/NetworkManager", "/run/resolvconf",  "/run/systemd/resolve",
    "/usr/lib/ssl", "/usr/share",          "/usr/local/share",
};

inline constexpr sandbox::Sandbox kSandbox = {kSandboxRules, kReadableDirectories};

}  // namespace pganalytics::courier
