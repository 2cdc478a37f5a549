// Tests of the JSON grammar rules that simdjson does not check and this code must.
#include "ingest/json/json.hpp"

#include <gtest/gtest.h>

namespace pganalytics::ingest {
namespace {

std::string Value(std::string_view escaped) {
    const std::string raw = std::string(escaped) + "\"";
    std::string scratch;
    std::string_view value;
    if (!Unescape(FindString(raw.c_str()), &scratch, &value)) return "refused";
    return std::string(value);
}

TEST(Unescape, KnowsEveryEscape) {
    EXPECT_EQ(Value(R"(plain)"), "plain");
    EXPECT_EQ(Value(R"(\"\\\/\b\f\n\r\t)"), "\"\\/\b\f\n\r\t");
    EXPECT_EQ(Value(R"(\u0041\u00e9\u20AC\ud83d\ude00)"), "A\u00e9\u20ac\U0001F600");
    EXPECT_EQ(Value(R"(a\\)"), "a\\");
    EXPECT_EQ(Value(R"(\u0000)"), std::string(1, '\0'));
}

TEST(Unescape, RefusesOthers) {
    for (const char* text : {R"(\x)", R"(\u12)", R"(\u12g4)", R"(\ud800)", R"(\ud800x)",
                             R"(\ud800\n)", R"(\ud800\u0041)", R"(\udc00)", R"(\U0041)"}) {
        EXPECT_EQ(Value(text), "refused") << text;
    }
}

TEST(Numbers, FollowRfc8259) {
    for (const char* text : {"0", "-0", "1", "10", "-1.5", "0.0", "1e5", "1E+05", "1.5e-300"}) {
        EXPECT_TRUE(IsJsonNumber(text)) << text;
    }
    for (const char* text : {"", "-", "01", "-01", "1.", ".5", "1e", "1e+", "+1", "0x1", "1 ", "1a",
                             "NaN", "Infinity", "1.5.5", "--1"}) {
        EXPECT_FALSE(IsJsonNumber(text)) << text;
    }
    EXPECT_TRUE(IsJsonNumber(std::string(1000, '1')));
    EXPECT_FALSE(IsJsonNumber(std::string(1001, '1')));
}

TEST(Scalars, AreWholeWords) {
    for (const char* text : {"true", "false", "null", "12"}) EXPECT_TRUE(CheckScalar(text));
    for (const char* text : {"True", "nul", "nulll", "", "undefined"}) {
        EXPECT_FALSE(CheckScalar(text));
    }
    EXPECT_EQ(ScalarToken("12 \t\r\n"), "12");
    EXPECT_EQ(ScalarToken("12\f"), "12\f");
}

}  // namespace
}  // namespace pganalytics::ingest
