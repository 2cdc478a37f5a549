#include "core/host_list.hpp"

#include <cstring>

namespace pganalytics::core {
namespace {

constexpr uint32_t kAddressBits = 128;
constexpr uint32_t kIpv4Bits = 32;
constexpr size_t kMaxNameBytes = 253;  // RFC 1035 section 2.3.4, without the final dot

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view Trim(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

bool ParseNumber(std::string_view text, uint32_t max, uint32_t* number) {
    *number = 0;
    if (text.empty() || text.size() > 5) return false;
    for (const char c : text) {
        if (!IsDigit(c)) return false;
        *number = *number * 10 + static_cast<uint32_t>(c - '0');
    }
    return *number <= max;
}

bool ParsePort(std::string_view text, uint16_t* port) {
    uint32_t number = 0;
    if (!ParseNumber(text, 65535, &number) || number == 0) return false;
    *port = static_cast<uint16_t>(number);
    return true;
}

bool ParseAddressText(std::string_view text, Address* address) {
    char copy[kAddressTextBytes];
    if (text.size() >= sizeof(copy)) return false;
    std::memcpy(copy, text.data(), text.size());
    copy[text.size()] = '\0';
    return ParseAddress(copy, address);
}

// IsName returns whether `text` is a host name: labels of letters, digits, hyphens and underscores.
// The last label must not begin with a digit, because resolvers read "127.1" and "0x7f000001" as
// addresses (inet_aton(3)).
bool IsName(std::string_view text) {
    if (text.empty() || text.size() > kMaxNameBytes) return false;
    size_t label = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = Lower(text[i]);
        const bool good = (c >= 'a' && c <= 'z') || IsDigit(c) || c == '-' || c == '_';
        if (c == '.') {
            if (i == label) return false;
            label = i + 1;
        } else if (!good) {
            return false;
        }
    }
    const std::string_view last = text.substr(label);
    return !last.empty() && !IsDigit(last.front());
}

std::string_view WithoutRoot(std::string_view name) {
    if (!name.empty() && name.back() == '.') name.remove_suffix(1);
    return name;
}

bool SameName(std::string_view a, std::string_view b) {
    a = WithoutRoot(a);
    b = WithoutRoot(b);
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i) {
        if (Lower(a[i]) != Lower(b[i])) return false;
    }
    return true;
}

bool IsIn(const Address& address, const Address& network, uint32_t bits) {
    for (uint32_t i = 0; i < bits; ++i) {
        const auto mask = static_cast<unsigned char>(0x80 >> (i % 8));
        if (((address.bytes[i / 8] ^ network.bytes[i / 8]) & mask) != 0) return false;
    }
    return true;
}

// ParseNetwork reads "address" or "address/prefix length". It returns false for anything else, and
// for an address with bits set after the prefix.
bool ParseNetwork(std::string_view text, HostEntry* entry) {
    const size_t slash = text.find('/');
    const std::string_view address = text.substr(0, slash);
    if (!ParseAddressText(address, &entry->network)) return false;
    entry->prefix_bits = kAddressBits;
    if (slash == std::string_view::npos) return true;
    const bool ipv4 = address.find(':') == std::string_view::npos;
    const uint32_t most = ipv4 ? kIpv4Bits : kAddressBits;
    uint32_t bits = 0;
    if (!ParseNumber(text.substr(slash + 1), most, &bits)) return false;
    entry->prefix_bits = kAddressBits - most + bits;
    Address base;
    for (uint32_t i = 0; i < entry->prefix_bits; ++i) {
        const auto mask = static_cast<unsigned char>(0x80 >> (i % 8));
        base.bytes[i / 8] =
            static_cast<unsigned char>(base.bytes[i / 8] | (entry->network.bytes[i / 8] & mask));
    }
    return base == entry->network;
}

}  // namespace

bool ParseHostEntry(std::string_view text, HostEntry* entry) {
    *entry = {};
    std::string_view host = text;
    if (!text.empty() && text.front() == '[') {
        const size_t end = text.find(']');
        if (end == std::string_view::npos) return false;
        host = text.substr(1, end - 1);
        const std::string_view rest = text.substr(end + 1);
        if (!rest.empty() && (rest.front() != ':' || !ParsePort(rest.substr(1), &entry->port))) {
            return false;
        }
        return host.find(':') != std::string_view::npos &&
               host.find('/') == std::string_view::npos && ParseNetwork(host, entry);
    }
    if (ParseNetwork(text, entry)) return true;
    *entry = {};
    const size_t colon = text.find(':');
    if (colon != std::string_view::npos) {
        if (!ParsePort(text.substr(colon + 1), &entry->port)) return false;
        host = text.substr(0, colon);
        if (host.find('/') == std::string_view::npos && ParseNetwork(host, entry)) return true;
    }
    host = WithoutRoot(host);
    entry->name = host;
    return IsName(host);
}

bool NextHostEntry(std::string_view* list, HostEntry* entry, bool* good) {
    if (list->data() == nullptr || Trim(*list).empty()) return false;
    const size_t comma = list->find(',');
    *good = ParseHostEntry(Trim(list->substr(0, comma)), entry);
    if (comma == std::string_view::npos) {
        *list = {};
    } else {
        list->remove_prefix(comma + 1);
        // A list must not end with a comma.
        if (Trim(*list).empty()) *good = false;
    }
    return true;
}

bool IsHostList(std::string_view list) {
    HostEntry entry;
    bool good = true;
    while (good && NextHostEntry(&list, &entry, &good)) {
    }
    return good;
}

bool HostListHas(std::string_view list, std::string_view host, uint16_t port,
                 const Address& address) {
    HostEntry entry;
    bool good = true;
    while (NextHostEntry(&list, &entry, &good)) {
        if (!good || (entry.port != 0 && entry.port != port)) continue;
        if (entry.name.empty() ? IsIn(address, entry.network, entry.prefix_bits)
                               : SameName(entry.name, host)) {
            return true;
        }
    }
    return false;
}

bool SplitHostPort(std::string_view text, std::string_view* host, uint16_t* port) {
    HostEntry entry;
    if (!ParseHostEntry(text, &entry) || entry.port == 0) return false;
    *port = entry.port;
    *host = text.substr(0, text.rfind(':'));
    if (host->front() == '[') *host = host->substr(1, host->size() - 2);
    return true;
}

}  // namespace pganalytics::core
