#include "core/public_address.hpp"

#include <cstring>

namespace pganalytics::core {
namespace {

struct Ipv4Block {
    uint32_t base;
    unsigned bits;
};

constexpr uint32_t Ipv4(unsigned a, unsigned b, unsigned c, unsigned d) {
    return a << 24 | b << 16 | c << 8 | d;
}

// kNotPublicIpv4 lists the blocks without public unicast addresses, according to
// https://www.iana.org/assignments/iana-ipv4-special-registry and RFC 5771.
constexpr Ipv4Block kNotPublicIpv4[] = {
    {Ipv4(0, 0, 0, 0), 8},                                    // this network
    {Ipv4(10, 0, 0, 0), 8},                                   // private
    {Ipv4(100, 64, 0, 0), 10},                                // shared, RFC 6598
    {Ipv4(127, 0, 0, 0), 8},                                  // loopback
    {Ipv4(169, 254, 0, 0), 16},                               // link-local; metadata of clouds
    {Ipv4(172, 16, 0, 0), 12},                                // private
    {Ipv4(192, 0, 0, 0), 24},                                 // IETF protocols
    {Ipv4(192, 0, 2, 0), 24},                                 // documentation
    {Ipv4(192, 88, 99, 0), 24},                               // 6to4 relays
    {Ipv4(192, 168, 0, 0), 16},                               // private
    {Ipv4(198, 18, 0, 0), 15},                                // benchmarking
    {Ipv4(198, 51, 100, 0), 24}, {Ipv4(203, 0, 113, 0), 24},  // documentation
    {Ipv4(224, 0, 0, 0), 4},                                  // multicast
    {Ipv4(240, 0, 0, 0), 4},                                  // reserved, broadcast
};

bool IsPublicIpv4(const unsigned char* bytes) {
    const uint32_t address = Ipv4(bytes[0], bytes[1], bytes[2], bytes[3]);
    for (const Ipv4Block& block : kNotPublicIpv4) {
        if ((address ^ block.base) >> (32 - block.bits) == 0) return false;
    }
    return true;
}

template <size_t kSize>
bool BeginsWith(const Address& address, const unsigned char (&prefix)[kSize]) {
    return std::memcmp(address.bytes, prefix, kSize) == 0;
}

constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr unsigned char kTranslated[12] = {0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0};
constexpr unsigned char k6to4[2] = {0x20, 0x02};
constexpr unsigned char kDocumentation[4] = {0x20, 0x01, 0x0D, 0xB8};

}  // namespace

bool IsPublic(const Address& address) {
    const unsigned char* const b = address.bytes;
    if (BeginsWith(address, kMapped) || BeginsWith(address, kTranslated)) {
        return IsPublicIpv4(b + 12);
    }
    // IANA has assigned public unicast addresses only in 2000::/3. Loopback, private, link-local
    // and multicast addresses are outside of this block, and so are old forms that end in an IPv4
    // address.
    if ((b[0] & 0xE0) != 0x20) return false;
    if (BeginsWith(address, k6to4)) return IsPublicIpv4(b + 2);
    if (BeginsWith(address, kDocumentation)) return false;
    // 2001::/23, IETF protocols: Teredo, ORCHID, benchmarking.
    if (b[0] == 0x20 && b[1] == 0x01 && (b[2] & 0xFE) == 0) return false;
    // 3fff::/20, documentation.
    return !(b[0] == 0x3F && b[1] == 0xFF && (b[2] & 0xF0) == 0);
}

}  // namespace pganalytics::core
