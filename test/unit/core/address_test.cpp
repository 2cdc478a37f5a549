// Tests of Address: IPv4 and IPv6 in one form, and the addresses that a limit counts as one client.
#include "core/address.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>
#include <string>

namespace pganalytics::core {
namespace {

Address Parsed(const char* text) {
    Address address;
    EXPECT_TRUE(ParseAddress(text, &address)) << text;
    return address;
}

std::string Text(const Address& address) {
    char text[kAddressTextBytes];
    FormatAddress(address, text);
    return text;
}

std::string NetworkText(const char* address) {
    char text[kAddressTextBytes];
    FormatNetwork(NetworkOf(Parsed(address)), text);
    return text;
}

TEST(Address, IsTheSameByEitherSocket) {
    sockaddr_storage peer = {};
    auto* ipv4 = reinterpret_cast<sockaddr_in*>(&peer);
    ipv4->sin_family = AF_INET;
    ipv4->sin_port = 7;
    inet_pton(AF_INET, "10.1.2.3", &ipv4->sin_addr);
    EXPECT_EQ(Text(AddressOf(peer)), "10.1.2.3");
    sockaddr_storage mapped = {};
    auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&mapped);
    ipv6->sin6_family = AF_INET6;
    inet_pton(AF_INET6, "::ffff:10.1.2.3", &ipv6->sin6_addr);
    EXPECT_EQ(AddressOf(mapped), AddressOf(peer));
    sockaddr_storage local = {};
    local.ss_family = AF_UNIX;
    EXPECT_EQ(AddressOf(local), Address{});
}

TEST(Address, ReadsWhatItWrites) {
    for (const char* text : {"10.0.0.1", "255.255.255.255", "2001:db8::1", "::1", "::"}) {
        EXPECT_EQ(Text(Parsed(text)), text);
    }
    Address address = Parsed("::1");
    for (const char* text : {"", "localhost", "10.0.0", "10.0.0.1:80", "2001:db8::1%lo", "::1 "}) {
        EXPECT_FALSE(ParseAddress(text, &address)) << text;
        EXPECT_EQ(address, Address{}) << text;
    }
}

TEST(Address, CountsA64AsOneClient) {
    EXPECT_EQ(NetworkText("10.0.0.1"), "10.0.0.1");
    EXPECT_EQ(NetworkText("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    EXPECT_EQ(NetworkText("2001:db8:1:2:ffff::"), "2001:db8:1:2::/64");
    EXPECT_EQ(NetworkText("::1"), "::/64");
}

TEST(Address, PacksWithoutLoss) {
    for (const char* text : {"10.0.0.1", "0.0.0.0", "2001:db8:1:2:3:4:5:6", "fe80::1", "::1"}) {
        const Address network = NetworkOf(Parsed(text));
        EXPECT_EQ(UnpackNetwork(PackNetwork(network)), network) << text;
    }
    EXPECT_NE(PackNetwork(Parsed("0.0.0.0")), PackNetwork(Parsed("::")));
}

}  // namespace
}  // namespace pganalytics::core
