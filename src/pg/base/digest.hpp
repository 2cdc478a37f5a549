// Digest: hashes of texts. SHA-256 for what is stored and decides what a row is; a quick one for
// what the worker keeps in memory.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/types.hpp"
#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// DigestTexts gives the SHA-256 over the texts, each followed by a byte of zero.
// REQUIRES: a transaction. ERROR XX000 if the library for it fails.
core::Sha256 DigestTexts(const std::string_view* texts, int count);

// DigestBytes gives the SHA-256 of the bytes. ERROR as above.
core::Sha256 DigestBytes(std::string_view bytes);

// QuickHash is 128 bits with seeds that the worker draws when it starts: nobody outside can look
// for two texts that share them. Never stored.
struct QuickHash {
    uint64 half[2];
};

// EmptyHash is the hash of nothing; AddToHash adds a text to it. The length of each text counts.
QuickHash EmptyHash();
void AddToHash(std::string_view text, QuickHash* hash);

}  // namespace pganalytics::pg
