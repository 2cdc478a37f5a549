// Public address: whether an address belongs to the public Internet.
#pragma once

#include "core/address.hpp"

namespace pganalytics::core {

// IsPublic returns whether `address` is a public unicast address. These are not public:
//   * loopback, private, shared (CGNAT), link-local, multicast, unspecified, documentation,
//     benchmarking and reserved addresses (IANA's registries of special-purpose addresses);
//   * IPv6 addresses that contain such an IPv4 address (mapped, translated by RFC 6052, 6to4);
//   * all Teredo addresses.
bool IsPublic(const Address& address);

}  // namespace pganalytics::core
