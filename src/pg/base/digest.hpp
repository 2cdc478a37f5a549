// Digest: hashes of texts. SHA-256 where a hash is stored and identifies a row; a quick hash for
// what the worker keeps in memory.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/types.hpp"
#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// DigestTexts returns the SHA-256 of the texts, each followed by a zero byte.
// REQUIRES: a transaction. ERROR XX000 if the crypto library fails.
core::Sha256 DigestTexts(const std::string_view* texts, int count);

// DigestBytes returns the SHA-256 of the bytes. ERROR as above.
core::Sha256 DigestBytes(std::string_view bytes);

// QuickHash has 128 bits and is never stored. Its seeds are random numbers of this process, so that
// nobody outside can search for two texts with the same hash.
struct QuickHash {
    uint64 half[2];
};

// EmptyHash is the hash of no texts; AddToHash adds a text and its length to a hash.
QuickHash EmptyHash();
void AddToHash(std::string_view text, QuickHash* hash);

}  // namespace pganalytics::pg
