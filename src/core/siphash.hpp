// SipHash: a keyed hash, for tables that untrusted clients fill. Without the key nobody can guess
// the place of an entry or construct a collision.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace pganalytics::core {

struct SipKey {
    uint64_t words[2] = {};
};

// SipHash24 hashes `size` bytes with SipHash-2-4 (Aumasson, Bernstein: SipHash, a fast short-input
// PRF, 2012). On a big-endian machine the values differ from those of the paper, but the hash is
// equally good.
inline uint64_t SipHash24(const SipKey& key, const void* data, size_t size) {
    uint64_t v0 = key.words[0] ^ 0x736f6d6570736575;
    uint64_t v1 = key.words[1] ^ 0x646f72616e646f6d;
    uint64_t v2 = key.words[0] ^ 0x6c7967656e657261;
    uint64_t v3 = key.words[1] ^ 0x7465646279746573;
    auto round = [&] {
        v0 += v1;
        v1 = std::rotl(v1, 13) ^ v0;
        v0 = std::rotl(v0, 32);
        v2 += v3;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 += v3;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 += v1;
        v1 = std::rotl(v1, 17) ^ v2;
        v2 = std::rotl(v2, 32);
    };
    auto take = [&](uint64_t word) {
        v3 ^= word;
        round();
        round();
        v0 ^= word;
    };
    const auto* bytes = static_cast<const unsigned char*>(data);
    size_t left = size;
    for (; left >= 8; left -= 8, bytes += 8) {
        uint64_t word = 0;
        std::memcpy(&word, bytes, 8);
        take(word);
    }
    uint64_t last = uint64_t{size & 0xFF} << 56;
    for (size_t i = 0; i < left; ++i) last |= uint64_t{bytes[i]} << (8 * i);
    take(last);
    v2 ^= 0xFF;
    for (int i = 0; i < 4; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace pganalytics::core
