// Digest: hashes of texts. A hash that is stored and identifies a row is a SHA-256. A hash that
// stays in the worker's memory is a QuickHash.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/types.hpp"
#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// DigestTexts returns the SHA-256 of the texts, each followed by a zero byte.
// REQUIRES: a transaction. ERROR XX000 if the crypto library fails.
core::Sha256 DigestTexts(const std::string_view* texts, int count);

// DigestBytes returns the SHA-256 of the bytes. It has the same requirement and ERROR as
// DigestTexts.
core::Sha256 DigestBytes(std::string_view bytes);

// QuickHash is a hash of 128 bits that is never stored. Each process seeds it with random numbers,
// so that a sender cannot construct two texts with the same hash.
struct QuickHash {
    uint64 half[2];
};

// EmptyHash returns the hash of an empty list of texts. ERROR XX000 if there are no random numbers.
// AddToHash adds one text and its length to a hash.
QuickHash EmptyHash();
void AddToHash(std::string_view text, QuickHash* hash);

}  // namespace pganalytics::pg
