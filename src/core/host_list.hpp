// Host list: the hosts that a setting allows, such as "alertmanager.lan, db.lan:9093, 10.1.0.0/16".
#pragma once

#include <cstdint>
#include <string_view>

#include "core/address.hpp"

namespace pganalytics::core {

// HostEntry is one entry of a list: a host name or, if `name` is empty, a network of addresses. An
// IPv4 network is stored in its IPv6 form, so its `prefix_bits` are 96 more than in the text. Port
// 0 stands for every port.
struct HostEntry {
    std::string_view name;
    Address network;
    uint32_t prefix_bits = 0;
    uint16_t port = 0;
};

// ParseHostEntry reads one entry: "name", "name:port", "10.0.0.1", "10.0.0.1:80", "10.0.0.0/8",
// "fd00::/8", "fd00::1" or "[fd00::1]:80". It returns false for anything else, for example:
//   * a name that resolvers would read as an address ("127.1", "0x7f000001");
//   * a network whose address has bits set after its prefix ("10.0.0.1/8").
bool ParseHostEntry(std::string_view text, HostEntry* entry);

// NextHostEntry removes the first entry from the comma-separated `list` and reads it into *entry;
// *good says whether the entry is well formed. At the end of the list it returns false and leaves
// *good unchanged. An empty list has no entries.
bool NextHostEntry(std::string_view* list, HostEntry* entry, bool* good);

// IsHostList returns whether all entries of the list are well formed.
bool IsHostList(std::string_view list);

// HostListHas returns whether some entry of the list names `host` or contains `address`, and also
// allows `port`. `host` is the host of a URL; an IPv6 address has no brackets. REQUIRES:
// IsHostList(list).
bool HostListHas(std::string_view list, std::string_view host, uint16_t port,
                 const Address& address);

// SplitHostPort reads "name:port", "10.0.0.1:25" or "[fd00::1]:25". It returns false if the port is
// missing or 0, or if the host is neither a name nor an address.
bool SplitHostPort(std::string_view text, std::string_view* host, uint16_t* port);

}  // namespace pganalytics::core
