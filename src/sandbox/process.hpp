// Process: what a program changes about itself before it reads anything.
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <string>

namespace pganalytics::sandbox {

struct Process {
    int worker_fd;      // the worker's socket: programs that this process runs do not inherit it
    bool first_to_go;   // the kernel kills this process first when memory is short
    bool hides_memory;  // no process of the same user can debug this one or read its /proc files
};

// PrepareProcess prepares the process for its sandbox. It reads the time zone. From then on the
// process ends with its parent, writes no core file, ignores SIGPIPE and uses one malloc arena.
// Call PrepareProcess before the sandbox is in force, because some steps need a file or a system
// call that the sandbox forbids. A step that the system refuses is skipped.
void PrepareProcess(const Process& process);

// LowerLimit sets the soft and the hard limit of a resource to `to`, or to the present hard limit
// if that is lower.
void LowerLimit(__rlimit_resource resource, rlim_t to);

// LimitAddressSpace limits the address space of the process. It has no effect under sanitizers,
// because their shadow memory is larger than any limit.
void LimitAddressSpace(uint64_t bytes);

// HostName returns the name of this machine, or "localhost" if the system gives none.
std::string HostName();

}  // namespace pganalytics::sandbox
