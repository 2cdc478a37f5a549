// Secret memory: where passwords are worked on, and of which nothing is left.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// MakeSecretMemory makes a context for what is done with a password, PostgreSQL's own copies too.
MemoryContext MakeSecretMemory(MemoryContext parent);

// EndSecretMemory overwrites its first 64 kB, more than is ever used for a password of ordinary
// characters, and deletes it. nullptr is allowed.
void EndSecretMemory(MemoryContext secrets);

}  // namespace pganalytics::pg
