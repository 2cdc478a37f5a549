#include "core/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace pganalytics::core {
namespace {

constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr unsigned char kPacked[4] = {0, 0, 0xFF, 0xFF};
constexpr size_t kPrefixBytes = 8;

bool IsIpv4(const Address& address) {
    return std::memcmp(address.bytes, kMapped, sizeof(kMapped)) == 0;
}

}  // namespace

Address AddressOf(const sockaddr_storage& peer) {
    Address address;
    if (peer.ss_family == AF_INET) {
        sockaddr_in ipv4;
        std::memcpy(&ipv4, &peer, sizeof(ipv4));
        std::memcpy(address.bytes, kMapped, sizeof(kMapped));
        std::memcpy(address.bytes + sizeof(kMapped), &ipv4.sin_addr, sizeof(ipv4.sin_addr));
    } else if (peer.ss_family == AF_INET6) {
        sockaddr_in6 ipv6;
        std::memcpy(&ipv6, &peer, sizeof(ipv6));
        std::memcpy(address.bytes, &ipv6.sin6_addr, sizeof(address.bytes));
    }
    return address;
}

bool ParseAddress(const char* text, Address* address) {
    *address = {};
    if (inet_pton(AF_INET6, text, address->bytes) == 1) return true;
    unsigned char ipv4[4];
    if (inet_pton(AF_INET, text, ipv4) != 1) return false;
    std::memcpy(address->bytes, kMapped, sizeof(kMapped));
    std::memcpy(address->bytes + sizeof(kMapped), ipv4, sizeof(ipv4));
    return true;
}

void FormatAddress(const Address& address, char (&out)[kAddressTextBytes]) {
    const bool ipv4 = IsIpv4(address);
    if (inet_ntop(ipv4 ? AF_INET : AF_INET6, address.bytes + (ipv4 ? sizeof(kMapped) : 0), out,
                  kAddressTextBytes) == nullptr) {
        *out = '\0';
    }
}

Address NetworkOf(const Address& address) {
    Address network = address;
    if (!IsIpv4(address)) {
        std::memset(network.bytes + kPrefixBytes, 0, sizeof(network.bytes) - kPrefixBytes);
    }
    return network;
}

void FormatNetwork(const Address& network, char (&out)[kAddressTextBytes]) {
    FormatAddress(network, out);
    // The buffer has room for "/64" after the longest address.
    constexpr char kPrefix[] = "/64";
    if (!IsIpv4(network)) std::memcpy(out + std::strlen(out), kPrefix, sizeof(kPrefix));
}

uint64_t PackNetwork(const Address& network) {
    uint64_t packed = 0;
    if (IsIpv4(network)) {
        unsigned char bytes[kPrefixBytes];
        std::memcpy(bytes, kPacked, sizeof(kPacked));
        std::memcpy(bytes + sizeof(kPacked), network.bytes + sizeof(kMapped), 4);
        std::memcpy(&packed, bytes, sizeof(packed));
    } else {
        std::memcpy(&packed, network.bytes, sizeof(packed));
    }
    return packed;
}

Address UnpackNetwork(uint64_t packed) {
    Address network;
    std::memcpy(network.bytes, &packed, sizeof(packed));
    if (std::memcmp(network.bytes, kPacked, sizeof(kPacked)) != 0) return network;
    Address ipv4;
    std::memcpy(ipv4.bytes, kMapped, sizeof(kMapped));
    std::memcpy(ipv4.bytes + sizeof(kMapped), network.bytes + sizeof(kPacked), 4);
    return ipv4;
}

}  // namespace pganalytics::core
