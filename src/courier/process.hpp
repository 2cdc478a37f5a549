// Process: what a courier does to itself before it is told anything.
#pragma once

#include <string>

namespace pganalytics::courier {

// PrepareProcess: it goes with its worker, is the first to go when memory is short, leaves no core
// file, and nobody of the same user attaches to it.
void PrepareProcess();

// LimitMemory bounds the address space, the number of descriptors and the threads' stacks.
void LimitMemory();

// StartLibraries gives libcurl and OpenSSL memory that is overwritten when they free it, where
// copies of secrets may be, and initialises them. False if that is not to be had.
bool StartLibraries();

// HostName is the name of this machine.
std::string HostName();

}  // namespace pganalytics::courier
