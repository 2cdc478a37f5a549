#include "pg/base/secret_memory.hpp"

namespace pganalytics::pg {
namespace {

constexpr Size kBytes = Size{64} << 10;

}  // namespace

MemoryContext MakeSecretMemory(MemoryContext parent) {
    return AllocSetContextCreate(parent, "pganalytics secrets", kBytes, kBytes, kBytes);
}

void EndSecretMemory(MemoryContext secrets) {
    if (secrets == nullptr) return;
    MemoryContextReset(secrets);
    // aset.c allocates the first block together with the context's header. A reset frees all other
    // blocks and empties this one, so the next allocation lies at its start.
    auto* const first = static_cast<char*>(MemoryContextAlloc(secrets, 8));
    auto* const end = reinterpret_cast<char*>(secrets) + kBytes;
    Assert(first > reinterpret_cast<char*>(secrets) && first < end);
    explicit_bzero(first, static_cast<Size>(end - first));
    MemoryContextDelete(secrets);
}

}  // namespace pganalytics::pg
