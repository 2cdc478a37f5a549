// Secret memory: a memory context for passwords. It is overwritten before it is freed.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// MakeSecretMemory creates a memory context. Make it current for all work on a password, so that
// PostgreSQL's own copies of the password are in it, too.
MemoryContext MakeSecretMemory(MemoryContext parent);

// EndSecretMemory overwrites the first 64 kB of the context, then deletes the context. Work on a
// password of ordinary characters never uses more than that. `secrets` may be nullptr.
void EndSecretMemory(MemoryContext secrets);

}  // namespace pganalytics::pg
