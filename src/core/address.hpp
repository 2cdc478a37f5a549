// Address: an IP address of a client, one type for IPv4 and IPv6.
#pragma once

#include <cstddef>
#include <cstdint>

struct sockaddr_storage;

namespace pganalytics::core {

// Address is an IPv6 address. An IPv4 address is stored as ::ffff:a.b.c.d (RFC 4291 section
// 2.5.5.2), even if it came from an IPv4 socket. All zeros mean that the address is unknown.
struct Address {
    unsigned char bytes[16] = {};
    friend bool operator==(const Address&, const Address&) = default;
};

// AddressOf returns the address in `peer`, which accept() has filled. It returns the zero Address
// if the family is not IP.
Address AddressOf(const sockaddr_storage& peer);

// ParseAddress reads an IPv6 or IPv4 address as inet_pton(3) does. For anything else it sets
// *address to zero and returns false.
bool ParseAddress(const char* text, Address* address);

// FormatAddress writes an address as text, such as "10.0.0.1" or "2001:db8::1".
inline constexpr size_t kAddressTextBytes = 64;
void FormatAddress(const Address& address, char (&out)[kAddressTextBytes]);

// NetworkOf returns the network that a rate limit counts as one client: an IPv4 address itself, or
// the /64 of an IPv6 address, because one host can own a whole /64.
Address NetworkOf(const Address& address);

// FormatNetwork writes the result of NetworkOf: "10.0.0.1" or "2001:db8::/64".
void FormatNetwork(const Address& network, char (&out)[kAddressTextBytes]);

// PackNetwork and UnpackNetwork convert a network to 8 bytes and back. PackNetwork maps an IPv4
// address to a /64 of 0:ffff::/32, a prefix that no host has.
uint64_t PackNetwork(const Address& network);
Address UnpackNetwork(uint64_t packed);

}  // namespace pganalytics::core
