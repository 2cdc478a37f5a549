// Tests of text: UUIDs, hexadecimal digits, and the buffer that holds bodies.
#include "core/text.hpp"

#include <gtest/gtest.h>

#include "core/buffer.hpp"
#include "core/hex.hpp"

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

TEST(Hex, ReadsEitherCase) {
    EXPECT_EQ(HexByte("fE"), 0xFE);
    EXPECT_EQ(HexByte("00"), 0);
    for (const char* text : {"g0", "0g", "", " 1", "1:", "/0", "@0", "`0"}) {
        EXPECT_EQ(HexByte(text), -1) << text;
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
