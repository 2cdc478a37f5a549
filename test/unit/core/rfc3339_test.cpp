// Tests of RFC 3339 times: what is read and written, and what is refused.
#include "core/rfc3339.hpp"

#include <gtest/gtest.h>

#include "core/text.hpp"

namespace pganalytics::core {
namespace {

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

TEST(Timestamp, Rfc3339WantsTheT) {
    for (const char* text : {"2026-11-22T08:54:22Z", "2026-11-22t08:54:22z",
                             "2026-11-22T08:54:22.5+01:00", "2026-11-22T08:54:22+01"}) {
        EXPECT_EQ(ParseRfc3339(text), ParseTimestamp(text)) << text;
        EXPECT_TRUE(ParseRfc3339(text)) << text;
    }
    for (const char* text : {"2026-11-22 08:54:22Z", "2026-11-22 08:54:22+00", "2026-11-22", ""}) {
        EXPECT_FALSE(ParseRfc3339(text)) << text;
    }
}

TEST(Instant, ReadsWhatPeopleWrite) {
    EXPECT_EQ(ParseInstant("2000-01-01"), 0);
    EXPECT_EQ(ParseInstant("2000-01-01T00:00:00"), 0);
    EXPECT_EQ(ParseInstant("2000-01-01 02:00:00+02:00"), 0);
    EXPECT_EQ(ParseInstant("2000-01-01 00:00:00.000001999"), 1);
    EXPECT_EQ(ParseInstant("1969-12-31t23:59:59z"), -kPostgresEpochUnixSeconds * 1000000 - 1000000);
    EXPECT_EQ(ParseInstant("0001-01-01"), int64_t{-730119} * 86400 * 1000000);
}

TEST(Instant, RefusesOtherForms) {
    for (const char* text :
         {"", "2026", "2026-02-29", "0000-01-01", "2026-01-01T", "2026-01-01 10:00",
          "2026-01-01T24:00:00Z", "2026-01-01T10:00:00.0000000001Z", "2026-01-01T10:00:00.Z",
          "2026-01-01Z", "2026-01-01T10:00:00 +01:00", "2026-01-01x", "yesterday", "infinity"}) {
        EXPECT_FALSE(ParseInstant(text)) << text;
    }
}

}  // namespace
}  // namespace pganalytics::core
