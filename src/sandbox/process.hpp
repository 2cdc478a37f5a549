// Process: what a program changes about itself before it reads anything.
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <string>

namespace pganalytics::sandbox {

struct Process {
    int worker_fd;      // the socket of the worker: no program that it runs inherits it
    bool first_to_go;   // when memory is short
    bool hides_memory;  // no process of the same user attaches to it or reads its files in /proc
};

// PrepareProcess makes the process one that goes with its parent, leaves no core file, ignores
// SIGPIPE, has one arena of malloc and knows its time zone: what would need a file or another
// system call later, when the sandbox is closed. Best effort: what the system refuses is left as
// it is.
void PrepareProcess(const Process& process);

// LowerLimit makes `to` the soft and the hard limit of a resource, if the limit is not lower yet.
void LowerLimit(__rlimit_resource resource, rlim_t to);

// LimitAddressSpace has no effect under sanitizers, whose shadow is larger than any bound.
void LimitAddressSpace(uint64_t bytes);

// HostName is the name of this machine.
std::string HostName();

}  // namespace pganalytics::sandbox
