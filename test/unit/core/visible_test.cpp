// Tests of visible texts: what is shown as an escape, and that all else stays as it is.
#include "core/visible.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pganalytics::core {
namespace {

std::string Visible(std::string_view text) {
    std::string shown;
    VisibleBuffer buffer;
    while (!text.empty()) shown += TakeVisible(&text, &buffer);
    return shown;
}

TEST(Visible, LeavesWhatHasAShape) {
    for (const char* text : {"", "a b", "é", "日本", "\U0001f600", "*b* <x> \"y\" \\"}) {
        EXPECT_EQ(Visible(text), text);
    }
}

TEST(Visible, EscapesControlsAndFormatCharacters) {
    EXPECT_EQ(Visible("a\nb\tc\x7f"), "a\\u000ab\\u0009c\\u007f");
    EXPECT_EQ(Visible("\u200e\u200f\u061c\u202e\u2066\u2028\ufeff"),
              "\\u200e\\u200f\\u061c\\u202e\\u2066\\u2028\\ufeff");
    EXPECT_EQ(Visible("\U000e0041"), "\\U000e0041");
    EXPECT_EQ(Visible(std::string_view("\0", 1)), "\\u0000");
}

TEST(Visible, EscapesBytesThatAreNoCharacter) { EXPECT_EQ(Visible("a\xff\xc3"), "a\\xff\\xc3"); }

TEST(Visible, CopiesWhatFits) {
    char out[8];
    CopyVisible("ab\u202ecd", out, sizeof(out));
    EXPECT_STREQ(out, "ab");
    CopyVisible("a\ncd", out, sizeof(out));
    EXPECT_STREQ(out, "a\\u000a");
    CopyVisible("abcdeé", out, sizeof(out));
    EXPECT_STREQ(out, "abcdeé");
    CopyVisible("abcdefé", out, sizeof(out));
    EXPECT_STREQ(out, "abcdef");
}

}  // namespace
}  // namespace pganalytics::core
