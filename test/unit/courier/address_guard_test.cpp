// Tests of the address guard: every range outside the public internet, at both of its ends.
#include "courier/address_guard.hpp"

#include <gtest/gtest.h>

#include "core/public_address.hpp"

namespace pganalytics::courier {
namespace {

using core::IsPublic;

core::Address Parse(const char* text) {
    core::Address address;
    EXPECT_TRUE(core::ParseAddress(text, &address)) << text;
    return address;
}

TEST(AddressGuard, NoAddressOfASpecialRangeIsPublic) {
    for (const char* text :
         {"0.0.0.0",         "0.255.255.255",   "10.0.0.0",        "10.255.255.255",
          "100.64.0.0",      "100.127.255.255", "127.0.0.0",       "127.0.0.1",
          "127.255.255.255", "169.254.0.0",     "169.254.169.254", "169.254.255.255",
          "172.16.0.0",      "172.31.255.255",  "192.0.0.0",       "192.0.0.255",
          "192.0.2.0",       "192.0.2.255",     "192.88.99.0",     "192.88.99.255",
          "192.168.0.0",     "192.168.255.255", "198.18.0.0",      "198.19.255.255",
          "198.51.100.0",    "198.51.100.255",  "203.0.113.0",     "203.0.113.255",
          "224.0.0.0",       "239.255.255.255", "240.0.0.0",       "255.255.255.255"}) {
        EXPECT_FALSE(IsPublic(Parse(text))) << text;
        for (const char* form : {"::ffff:", "64:ff9b::", "::", "::ffff:0:"}) {
            EXPECT_FALSE(IsPublic(Parse((std::string(form) + text).c_str()))) << form << text;
        }
    }
}

TEST(AddressGuard, AddressesBesideThemArePublic) {
    for (const char* text :
         {"1.0.0.0",         "9.255.255.255",   "11.0.0.0",       "100.63.255.255",
          "100.128.0.0",     "126.255.255.255", "128.0.0.0",      "169.253.255.255",
          "169.255.0.0",     "172.15.255.255",  "172.32.0.0",     "191.255.255.255",
          "192.0.1.0",       "192.0.3.0",       "192.88.98.255",  "192.88.100.0",
          "192.167.255.255", "192.169.0.0",     "198.17.255.255", "198.20.0.0",
          "198.51.99.255",   "198.51.101.0",    "203.0.112.255",  "203.0.114.0",
          "223.255.255.255", "8.8.8.8"}) {
        EXPECT_TRUE(IsPublic(Parse(text))) << text;
        EXPECT_TRUE(IsPublic(Parse((std::string("64:ff9b::") + text).c_str()))) << text;
        // Deprecated IPv6 forms of a public IPv4 address are refused too.
        EXPECT_FALSE(IsPublic(Parse((std::string("::") + text).c_str()))) << text;
        EXPECT_FALSE(IsPublic(Parse((std::string("::ffff:0:") + text).c_str()))) << text;
    }
}

TEST(AddressGuard, Ipv6) {
    for (const char* text : {"::",
                             "::1",
                             "100::1",
                             "64:ff9b:1::1",
                             "64:ff9b::1:8.8.8.8",
                             "fc00::1",
                             "fdff:ffff::1",
                             "fe80::1",
                             "febf::1",
                             "fec0::1",
                             "feff::1",
                             "ff00::",
                             "ff02::1",
                             "ffff::1",
                             "2001::1",
                             "2001:0:808:808::1",
                             "2001:2::1",
                             "2001:20::1",
                             "2001:1ff:ffff::1",
                             "2001:db8::1",
                             "2001:db8:ffff::1",
                             "3fff::1",
                             "3fff:fff::1",
                             "4000::1",
                             "5f00::1",
                             "1fff::1",
                             "2002:7f00:1::1",
                             "2002:a00:1::1",
                             "2002:c0a8:101::1",
                             "2002:a9fe:a9fe::1"}) {
        EXPECT_FALSE(IsPublic(Parse(text))) << text;
    }
    for (const char* text :
         {"2000::1", "2001:200::1", "2001:4860:4860::8888", "2001:db7::1", "2001:db9::1", "2a00::1",
          "2002:808:808::1", "3ffe::1", "3fff:1000::1", "2606:4700::1111"}) {
        EXPECT_TRUE(IsPublic(Parse(text))) << text;
    }
}

TEST(AddressGuard, Judges) {
    const core::Address loopback = Parse("127.0.0.1");
    const core::Address internet = Parse("8.8.8.8");
    const Target secure{true, "am.lan", 443};
    const Target plain{false, "am.lan", 80};
    EXPECT_EQ(Judge("", secure, internet), Verdict::kAllowed);
    EXPECT_EQ(Judge("", secure, loopback), Verdict::kNotPublic);
    EXPECT_EQ(Judge("", plain, internet), Verdict::kNotEncrypted);
    EXPECT_EQ(Judge("am.lan:443", secure, loopback), Verdict::kAllowed);
    EXPECT_EQ(Judge("am.lan:443", plain, internet), Verdict::kNotEncrypted);
    EXPECT_EQ(Judge("am.lan", plain, loopback), Verdict::kAllowed);
    EXPECT_EQ(Judge("127.0.0.0/8", plain, loopback), Verdict::kAllowed);
    // The list has a network, so the address alone counts: these addresses are outside the network.
    EXPECT_EQ(Judge("127.0.0.0/8", plain, internet), Verdict::kNotEncrypted);
    EXPECT_EQ(Judge("10.0.0.0/8", secure, loopback), Verdict::kNotPublic);
}

}  // namespace
}  // namespace pganalytics::courier
