#include "ingest/text_index.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace pganalytics::ingest {
namespace {

__extension__ using Uint128 = unsigned __int128;

// Fold multiplies to 128 bits and combines the halves: each bit of the result depends on all bits
// of both factors.
uint64_t Fold(uint64_t a, uint64_t b) {
    const Uint128 product = static_cast<Uint128>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint64_t Load8(const char* from) {
    uint64_t word = 0;
    std::memcpy(&word, from, sizeof(word));
    return word;
}

}  // namespace

uint64_t TextIndex::Hash(std::string_view text) const {
    constexpr uint64_t kOdd1 = 0x9E3779B97F4A7C15;
    constexpr uint64_t kOdd2 = 0xD6E8FEB86659FD93;
    uint64_t hash = Fold(seed_ ^ kOdd1, text.size() ^ kOdd2);
    while (text.size() >= 16) {
        hash = Fold(Load8(text.data()) ^ hash, Load8(text.data() + 8) ^ kOdd1 ^ seed_);
        text.remove_prefix(16);
    }
    char rest[16] = {};
    std::copy(text.begin(), text.end(), rest);
    hash = Fold(Load8(rest) ^ hash, Load8(rest + 8) ^ kOdd1 ^ seed_);
    return Fold(hash ^ kOdd2, seed_ ^ kOdd1);
}

void TextIndex::Grow() {
    std::vector<Slot> old = std::exchange(
        slots_, std::vector<Slot>(std::max<size_t>(64, slots_.size() * 2), Slot{0, kFree}));
    const size_t mask = slots_.size() - 1;
    for (const Slot& slot : old) {
        if (slot.word == kFree) continue;
        size_t at = slot.hash & mask;
        while (slots_[at].word != kFree) at = (at + 1) & mask;
        slots_[at] = slot;
    }
}

uint64_t TextIndex::Intern(std::string_view text, protocol::RowBuilder* builder) {
    if ((used_ + 1) * 2 > slots_.size()) Grow();
    const uint64_t hash = Hash(text);
    const size_t mask = slots_.size() - 1;
    for (size_t at = hash & mask;; at = (at + 1) & mask) {
        Slot& slot = slots_[at];
        if (slot.word == kFree) {
            slot = {hash, builder->AddText(text)};
            ++used_;
            return slot.word;
        }
        if (slot.hash == hash && builder->Text(slot.word) == text) return slot.word;
    }
}

}  // namespace pganalytics::ingest
