// Secret memory: a memory context for passwords, which is overwritten before it is freed.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// MakeSecretMemory makes a context for all work on a password; PostgreSQL's own copies are in it,
// too.
MemoryContext MakeSecretMemory(MemoryContext parent);

// EndSecretMemory overwrites the context's first 64 kB and deletes it. A password of ordinary
// characters never uses more. nullptr is allowed.
void EndSecretMemory(MemoryContext secrets);

}  // namespace pganalytics::pg
