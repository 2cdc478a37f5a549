#include "core/text.hpp"

#include "core/hex.hpp"

namespace pganalytics::core {

std::optional<Uuid> ParseUuid(std::string_view text) {
    if (text.size() != 36) return std::nullopt;
    Uuid uuid;
    size_t at = 0;
    for (unsigned char& byte : uuid.bytes) {
        if (at == 8 || at == 13 || at == 18 || at == 23) {
            if (text[at] != '-') return std::nullopt;
            ++at;
        }
        const int value = HexByte(text.data() + at);
        if (value < 0) return std::nullopt;
        byte = static_cast<unsigned char>(value);
        at += 2;
    }
    return uuid;
}

std::string FormatUuid(const Uuid& uuid) {
    std::string hex = Hex({reinterpret_cast<const char*>(uuid.bytes), sizeof(uuid.bytes)});
    for (size_t at : {8, 13, 18, 23}) hex.insert(at, 1, '-');
    return hex;
}

std::string Hex(std::string_view bytes) {
    std::string hex(bytes.size() * 2, '\0');
    WriteHex(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), hex.data());
    return hex;
}

std::string FormatTimestamp(TimestampMicros timestamp) {
    char text[kTimestampBytes];
    return {text, WriteTimestamp(timestamp, text)};
}

}  // namespace pganalytics::core
