// Address guard: to which addresses a courier may connect, judged when it does, because what a name
// means may be another thing by then.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/address.hpp"

namespace pganalytics::courier {

// IsPublic: the address is one of the internet's, for one host. Not so: loopback, private, shared
// (CGNAT), link-local, multicast, unspecified, documentation, benchmarking and reserved addresses
// (IANA's registries of special-purpose addresses), and IPv6 addresses in which such an IPv4
// address stands: mapped, translated (RFC 6052), 6to4. Of Teredo no address is public.
bool IsPublic(const core::Address& address);

// Target is where a URL leads.
struct Target {
    bool encrypted = true;
    std::string host;  // without brackets
    uint16_t port = 0;
};

enum class Verdict { kAllowed, kNotPublic, kNotEncrypted };

// Judge decides about one connection. What a list of hosts names may be anything; for all else the
// address must be public and the connection encrypted.
Verdict Judge(std::string_view allowed_hosts, const Target& target, const core::Address& address);

}  // namespace pganalytics::courier
