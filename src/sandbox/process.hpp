// Process: what a program changes about itself before it reads anything.
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <string>

namespace pganalytics::sandbox {

struct Process {
    int worker_fd;      // the worker's socket: programs that this process runs do not inherit it
    bool first_to_go;   // the kernel kills it first when memory is short
    bool hides_memory;  // no process of the same user can attach to it or read its /proc files
};

// PrepareProcess makes the process end with its parent, write no core file, ignore SIGPIPE, and use
// one malloc arena, and reads the time zone. Later, in the closed sandbox, some of this would need
// a file or another system call. Best effort: it ignores what the system refuses.
void PrepareProcess(const Process& process);

// LowerLimit makes `to` the soft and the hard limit of a resource, if the limit is not lower yet.
void LowerLimit(__rlimit_resource resource, rlim_t to);

// LimitAddressSpace has no effect under sanitizers: their shadow memory is larger than any limit.
void LimitAddressSpace(uint64_t bytes);

// HostName is the name of this machine.
std::string HostName();

}  // namespace pganalytics::sandbox
