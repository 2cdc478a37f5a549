// Tests of UTF-8: which bytes are well-formed, and that no text is cut inside a character.
#include "core/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

#include "core/text.hpp"

namespace pganalytics::core {
namespace {

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

std::string Copied(std::string_view text, size_t out_size) {
    std::string out(out_size, 'x');
    CopyUtf8(text, out.data(), out_size);
    return out.c_str();
}

TEST(Utf8, CutsBetweenCharacters) {
    const std::string text = "a\u00e9\u20ac\U0001F600";  // 1 + 2 + 3 + 4 bytes
    const size_t ends[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
    for (size_t most = 0; most < std::size(ends); ++most) {
        EXPECT_EQ(CutUtf8(text, most), text.substr(0, ends[most])) << most;
        EXPECT_EQ(Copied(text, most + 1), text.substr(0, ends[most])) << most;
    }
}

std::string Printable(std::string text, Lines lines = Lines::kOne) {
    MakePrintable(text.data(), text.size(), lines);
    EXPECT_TRUE(IsPrintable(text, lines)) << Hex(text);
    return text;
}

TEST(Utf8, PrintableTextIsOneLine) {
    for (const char* text : {"", "a b~", "caf\u00e9", "\u20ac", "\u00a0", "\u2027", "\u202f",
                             "\u2065", "\u061b", "\U0001F600"}) {
        EXPECT_TRUE(IsPrintable(text)) << text;
        EXPECT_EQ(Printable(text), text);
    }
    for (const char* text :
         {"\n", "\r", "\t", "\x1b", "\x7f", "\u0085", "\u009b", "\u200e", "\u200f", "\u2028",
          "\u2029", "\u202a", "\u202e", "\u2066", "\u2069", "\u061c", "\xff", "\xc3", "\xe2\x80"}) {
        const std::string between = "a" + std::string(text) + "b";
        EXPECT_FALSE(IsPrintable(between)) << Hex(text);
        EXPECT_EQ(Printable(between).front(), 'a');
        EXPECT_EQ(Printable(between).back(), 'b');
        EXPECT_EQ(Printable(between).find_first_not_of("ab?"), std::string::npos) << Hex(text);
    }
    EXPECT_FALSE(IsPrintable(std::string_view("a\0b", 3)));
    EXPECT_TRUE(IsPrintable("a\nb", Lines::kMany));
    EXPECT_EQ(Printable("a\nb\rc", Lines::kMany), "a\nb?c");
}

TEST(Utf8, KnowsTheBordersOfWhatIsNotShown) {
    for (const uint32_t shown : {0x20, 0x7e, 0xa0, 0x61b, 0x61d, 0x200a, 0x2010, 0x2027, 0x202f,
                                 0x205f, 0x2070, 0xe1000, 0x10ffff}) {
        EXPECT_EQ(LookOf(shown), Look::kShown) << shown;
    }
    for (const uint32_t hidden : {0xad, 0x200b, 0x200d, 0x2060, 0x2065, 0x206a, 0x206f, 0xe0fff}) {
        EXPECT_EQ(LookOf(hidden), Look::kHidden) << hidden;
    }
    for (const uint32_t misleading :
         {0x0, 0x1f, 0x7f, 0x9f, 0x61c, 0x200e, 0x200f, 0x2028, 0x202e, 0x2066, 0x2069}) {
        EXPECT_EQ(LookOf(misleading), Look::kMisleads) << misleading;
    }
}

TEST(Utf8, CopiesWhatIsNoTextAsQuestionMarks) {
    EXPECT_EQ(Copied("a\xFF\u00e9\xC3", 10), "a?\u00e9?");
    EXPECT_EQ(Copied(std::string_view("a\0b", 3), 10), "a?b");
    EXPECT_EQ(Copied("", 1), "");
}

}  // namespace
}  // namespace pganalytics::core
