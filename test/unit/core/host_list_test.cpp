// Tests of host lists: which entries are valid, and which hosts a list allows.
#include "core/host_list.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pganalytics::core {
namespace {

Address Parse(const char* text) {
    Address address;
    EXPECT_TRUE(ParseAddress(text, &address)) << text;
    return address;
}

TEST(HostList, EntriesAreRead) {
    HostEntry entry;
    ASSERT_TRUE(ParseHostEntry("alertmanager.lan", &entry));
    EXPECT_EQ(entry.name, "alertmanager.lan");
    EXPECT_EQ(entry.port, 0);
    ASSERT_TRUE(ParseHostEntry("a-b_c.lan.:9093", &entry));
    EXPECT_EQ(entry.name, "a-b_c.lan");
    EXPECT_EQ(entry.port, 9093);
    ASSERT_TRUE(ParseHostEntry("10.1.0.0/16", &entry));
    EXPECT_EQ(entry.network, Parse("10.1.0.0"));
    EXPECT_EQ(entry.prefix_bits, 112u);
    EXPECT_TRUE(entry.name.empty());
    ASSERT_TRUE(ParseHostEntry("10.1.2.3:80", &entry));
    EXPECT_EQ(entry.prefix_bits, 128u);
    EXPECT_EQ(entry.port, 80);
    ASSERT_TRUE(ParseHostEntry("fd00::/8", &entry));
    EXPECT_EQ(entry.prefix_bits, 8u);
    ASSERT_TRUE(ParseHostEntry("fd00::1", &entry));
    EXPECT_EQ(entry.port, 0);
    ASSERT_TRUE(ParseHostEntry("[fd00::1]:443", &entry));
    EXPECT_EQ(entry.network, Parse("fd00::1"));
    EXPECT_EQ(entry.port, 443);
    EXPECT_TRUE(ParseHostEntry("[fd00::1]", &entry));
    EXPECT_TRUE(ParseHostEntry("0.0.0.0/0", &entry));
    EXPECT_TRUE(ParseHostEntry("::/0", &entry));
}

TEST(HostList, MalformedEntriesAreRefused) {
    HostEntry entry;
    for (const char* text : {"",
                             " ",
                             "a b",
                             "http://a",
                             "a/8",
                             "a:0",
                             "a:65536",
                             "a:",
                             "a:b",
                             ":80",
                             "*",
                             "*.lan",
                             "127.1",
                             "2130706433",
                             "0x7f000001",
                             "0177.0.0.1",
                             "127.0.0.1.",
                             "10.0.0.0/33",
                             "10.0.0.1/8",
                             "10.0.0.0/",
                             "10.0.0.0/-1",
                             "10.0.0.0/8/8",
                             "10.0.0.0/8:80",
                             "fd00::/129",
                             "fd00::1/8",
                             "[fd00::/8]:80",
                             "[fd00::1",
                             "[fd00::1]80",
                             "[10.0.0.1]:80",
                             "[]",
                             "a..b",
                             ".a",
                             "a@b",
                             "a,b",
                             "fe80::1%eth0",
                             "a\xC3\xA4"}) {
        EXPECT_FALSE(ParseHostEntry(text, &entry)) << text;
    }
    EXPECT_FALSE(ParseHostEntry(std::string(254, 'a'), &entry));
    EXPECT_TRUE(ParseHostEntry(std::string(253, 'a'), &entry));
}

TEST(HostList, ListsAreRead) {
    EXPECT_TRUE(IsHostList(""));
    EXPECT_TRUE(IsHostList("  "));
    EXPECT_TRUE(IsHostList("a, b:1,10.0.0.0/8 , ::1"));
    EXPECT_FALSE(IsHostList("a,"));
    EXPECT_FALSE(IsHostList(",a"));
    EXPECT_FALSE(IsHostList("a,,b"));
    EXPECT_FALSE(IsHostList("a b"));
    EXPECT_FALSE(IsHostList("a,10.0.0.1/8"));
}

TEST(HostList, NamesHosts) {
    constexpr std::string_view kList = "am.lan:9093, Any.lan, 10.1.0.0/16, [fd00::1]:443";
    const Address elsewhere = Parse("192.0.2.1");
    EXPECT_TRUE(HostListHas(kList, "am.lan", 9093, elsewhere));
    EXPECT_TRUE(HostListHas(kList, "AM.LAN.", 9093, elsewhere));
    EXPECT_FALSE(HostListHas(kList, "am.lan", 80, elsewhere));
    EXPECT_FALSE(HostListHas(kList, "xam.lan", 9093, elsewhere));
    EXPECT_FALSE(HostListHas(kList, "am.lan.evil", 9093, elsewhere));
    EXPECT_TRUE(HostListHas(kList, "any.lan", 1, elsewhere));
    EXPECT_TRUE(HostListHas(kList, "x", 1, Parse("10.1.255.255")));
    EXPECT_FALSE(HostListHas(kList, "x", 1, Parse("10.2.0.0")));
    EXPECT_FALSE(HostListHas(kList, "10.1.0.1", 1, elsewhere));
    EXPECT_TRUE(HostListHas(kList, "x", 443, Parse("fd00::1")));
    EXPECT_FALSE(HostListHas(kList, "x", 444, Parse("fd00::1")));
    EXPECT_FALSE(HostListHas("", "x", 443, elsewhere));
    // An IPv4 network does not match IPv6 addresses that hold one of its addresses, except mapped
    // ones.
    EXPECT_TRUE(HostListHas(kList, "x", 1, Parse("::ffff:10.1.0.1")));
    EXPECT_FALSE(HostListHas(kList, "x", 1, Parse("64:ff9b::10.1.0.1")));
    EXPECT_FALSE(HostListHas("0.0.0.0/0", "x", 1, Parse("2001:db8::1")));
    EXPECT_TRUE(HostListHas("::/0", "x", 1, Parse("10.0.0.1")));
}

TEST(HostList, HostAndPortAreSplit) {
    std::string_view host;
    uint16_t port = 0;
    ASSERT_TRUE(SplitHostPort("localhost:25", &host, &port));
    EXPECT_EQ(host, "localhost");
    EXPECT_EQ(port, 25);
    ASSERT_TRUE(SplitHostPort("10.0.0.1:587", &host, &port));
    EXPECT_EQ(host, "10.0.0.1");
    ASSERT_TRUE(SplitHostPort("[::1]:25", &host, &port));
    EXPECT_EQ(host, "::1");
    for (const char* text : {"", "localhost", "localhost:0", "::1", "10.0.0.0/8", "[::1]", ":25"}) {
        EXPECT_FALSE(SplitHostPort(text, &host, &port)) << text;
    }
}

}  // namespace
}  // namespace pganalytics::core
