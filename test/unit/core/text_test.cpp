// Tests of text: UUIDs, timestamps, UTF-8, and of the buffer under every body.
#include "core/text.hpp"

#include <gtest/gtest.h>

#include "core/buffer.hpp"

namespace pganalytics::core {
namespace {

TEST(Uuid, ReadsAndWrites) {
    const auto uuid = ParseUuid("11111111-2222-3333-4444-55555555aBcD");
    ASSERT_TRUE(uuid);
    EXPECT_EQ(uuid->bytes[0], 0x11);
    EXPECT_EQ(uuid->bytes[15], 0xCD);
    EXPECT_EQ(FormatUuid(*uuid), "11111111-2222-3333-4444-55555555abcd");
}

TEST(Uuid, RefusesOtherForms) {
    for (const char* text :
         {"", "11111111-2222-3333-4444-55555555abc", "11111111-2222-3333-4444-55555555abcde",
          "1111111122223333-4444-55555555abcd--", "g1111111-2222-3333-4444-55555555abcd",
          "{1111111-2222-3333-4444-55555555abc}", "11111111+2222-3333-4444-55555555abcd"}) {
        EXPECT_FALSE(ParseUuid(text)) << text;
    }
}

TEST(Hex, WritesLowerCase) { EXPECT_EQ(Hex(std::string_view("\x00\xfe\x7f", 3)), "00fe7f"); }

TEST(Timestamp, CountsFromPostgresEpoch) {
    EXPECT_EQ(ParseTimestamp("2000-01-01T00:00:00Z"), 0);
    EXPECT_EQ(ParseTimestamp("2000-01-01T00:00:00.000001Z"), 1);
    EXPECT_EQ(ParseTimestamp("2000-01-01T01:00:00+01:00"), 0);
    EXPECT_EQ(ParseTimestamp("1999-12-31 23:59:59.5Z"), -500000);
    EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:00Z"), -kPostgresEpochUnixSeconds * 1000000);
    EXPECT_EQ(ParseTimestamp("2024-02-29T12:00:00Z"), 762523200000000);
}

TEST(Timestamp, ReadsWhatPostgresWrites) {
    const auto time = ParseTimestamp("2026-11-22T08:53:55.496158Z");
    ASSERT_TRUE(time);
    EXPECT_EQ(ParseTimestamp("2026-11-22 08:53:55.496158+00"), time);
    EXPECT_EQ(ParseTimestamp("2026-11-22 10:53:55.496158+02"), time);
    EXPECT_EQ(ParseTimestamp("2026-11-22 14:23:55.496158+05:30"), time);
    EXPECT_EQ(ParseTimestamp("2026-11-22 05:23:55.496158-03:30"), time);
    EXPECT_EQ(ParseTimestamp("2026-11-22 08:34:12.496158-00:19:43"), *time);
    EXPECT_EQ(ParseTimestamp("2000-01-01 00:00:00+00"), 0);
}

TEST(Timestamp, RoundTrips) {
    for (const char* text :
         {"2026-11-22T08:54:22Z", "1970-01-01T00:00:00Z", "1999-12-31T23:59:59.999999Z",
          "9999-12-31T23:59:59.000001Z", "2000-02-29T00:00:00Z", "2100-03-01T00:00:00Z"}) {
        const auto time = ParseTimestamp(text);
        ASSERT_TRUE(time) << text;
        EXPECT_EQ(FormatTimestamp(*time), text);
    }
}

TEST(Timestamp, RefusesOtherForms) {
    for (const char* text : {"",
                             "2026-11-22",
                             "2026-11-22T08:54:22",
                             "2026-11-22T08:54:22.Z",
                             "2026-11-22T08:54:22.1234567Z",
                             "2026-13-22T08:54:22Z",
                             "2026-02-29T08:54:22Z",
                             "2026-11-22T24:00:00Z",
                             "2026-11-22T08:54:60Z",
                             "1969-12-31T23:59:59Z",
                             "2026-11-22T08:54:22+24:00",
                             "2026-11-22T08:54:22+01:0",
                             "2026-11-22T08:54:22+0100",
                             "2026-11-22T08:54:22Zx",
                             "2026-11-22T08:54:22+01:00x",
                             "-026-11-22T08:54:22Z",
                             "2026-11-22T08:54:22.",
                             "2026-11-22T08:54:22+",
                             "2026-11-22 08:54:22+0",
                             "2026-11-22 08:54:22+00:",
                             "2026-11-22 08:54:22+00:00:",
                             "2026-11-22 08:54:22+00:60",
                             "2026-11-22 08:54:22+00:00:00:00",
                             "infinity",
                             "2026-11-22 08:54:22+00 BC"}) {
        EXPECT_FALSE(ParseTimestamp(text)) << text;
    }
}

TEST(Utf8, AcceptsWellFormedSequencesOnly) {
    for (const char* text : {"", "a", "\u00e9", "\u20ac", "\U0001F600", "\U0010FFFF", "\uFFFF"}) {
        EXPECT_TRUE(IsValidUtf8(text)) << text;
    }
    EXPECT_TRUE(IsValidUtf8(std::string_view("\0", 1)));
    for (const char* text : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xE0\x9F\xBF", "\xED\xA0\x80",
                             "\xE2\x82", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
                             "\xFF", "\xF0\x9F\x98", "a\xC3(", "\xE2(\xA1"}) {
        EXPECT_FALSE(IsValidUtf8(text)) << Hex(text);
    }
}

TEST(Buffer, GrowsAndGivesBack) {
    Buffer buffer("abc");
    for (int i = 0; i < 1000; ++i) buffer.Append("0123456789");
    EXPECT_EQ(buffer.size(), 10003u);
    EXPECT_EQ(buffer.view().substr(0, 5), "abc01");
    EXPECT_EQ(buffer.view().substr(9993), "0123456789");
    Buffer other = std::move(buffer);
    EXPECT_TRUE(buffer.empty());
    EXPECT_EQ(other.size(), 10003u);
    other.Release();
    EXPECT_EQ(other.capacity(), 0u);
}

}  // namespace
}  // namespace pganalytics::core
