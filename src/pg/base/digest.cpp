#include "pg/base/digest.hpp"

extern "C" {
#include "common/cryptohash.h"
#include "common/hashfn.h"
#include "common/sha2.h"
}

namespace pganalytics::pg {
namespace {

uint64 HashOf(std::string_view text, uint64 seed) {
    return hash_bytes_extended(reinterpret_cast<const unsigned char*>(text.data()),
                               static_cast<int>(text.size()), seed);
}

// DigestParts hashes the texts, each followed by `gap` zero bytes (0 or 1).
core::Sha256 DigestParts(const std::string_view* texts, int count, size_t gap) {
    constexpr uint8 kEnd = 0;
    core::Sha256 digest;
    pg_cryptohash_ctx* const context = pg_cryptohash_create(PG_SHA256);
    bool good = pg_cryptohash_init(context) == 0;
    for (int i = 0; i < count && good; ++i) {
        good = pg_cryptohash_update(context, reinterpret_cast<const uint8*>(texts[i].data()),
                                    texts[i].size()) == 0 &&
               pg_cryptohash_update(context, &kEnd, gap) == 0;
    }
    good = good && pg_cryptohash_final(context, digest.bytes, sizeof(digest.bytes)) == 0;
    if (!good) elog(ERROR, "could not compute a SHA-256: %s", pg_cryptohash_error(context));
    pg_cryptohash_free(context);
    return digest;
}

}  // namespace

core::Sha256 DigestTexts(const std::string_view* texts, int count) {
    return DigestParts(texts, count, 1);
}

core::Sha256 DigestBytes(std::string_view bytes) { return DigestParts(&bytes, 1, 0); }

QuickHash EmptyHash() {
    static QuickHash seeds = {};
    while (seeds.half[0] == 0 || seeds.half[1] == 0) {
        if (!pg_strong_random(&seeds, sizeof(seeds))) elog(ERROR, "could not draw random bytes");
    }
    return seeds;
}

void AddToHash(std::string_view text, QuickHash* hash) {
    for (uint64& half : hash->half) half = HashOf(text, half);
}

}  // namespace pganalytics::pg
