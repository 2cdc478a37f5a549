// Tests of the JSON writer: exact numbers, correct escapes, only well-formed UTF-8.
#include "core/json_writer.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

#include "core/utf8.hpp"

namespace pganalytics::core {
namespace {

std::string Quoted(std::string_view text) {
    core::JsonWriter json;
    json.String(text);
    return json.text();
}

TEST(JsonWriter, PutsCommas) {
    core::JsonWriter json;
    json.BeginObject();
    json.Key("a");
    json.BeginArray();
    json.Int(1);
    json.BeginObject();
    json.EndObject();
    json.Bool(false);
    json.EndArray();
    json.Key("b");
    json.String("x");
    json.EndObject();
    EXPECT_EQ(json.text(), R"({"a":[1,{},false],"b":"x"})");
    json.Clear();
    json.BeginArray();
    json.EndArray();
    EXPECT_EQ(json.text(), "[]");
}

TEST(JsonWriter, IntegersAreWhole) {
    core::JsonWriter json;
    json.BeginArray();
    json.Int(INT64_MIN);
    json.Int(INT64_MAX);
    json.Int(-4964652447414782437);
    json.EndArray();
    EXPECT_EQ(json.text(), "[-9223372036854775808,9223372036854775807,-4964652447414782437]");
}

TEST(JsonWriter, DoublesReadBackAsTheyWere) {
    for (const double value :
         {0.1, 1.0 / 3, 1e5, 1e300, 5e-324, 123456789.123456789, 2.5e-7,
          std::numeric_limits<double>::max(), std::numeric_limits<double>::min()}) {
        core::JsonWriter json;
        json.Double(value);
        EXPECT_EQ(std::strtod(json.text().c_str(), nullptr), value) << json.text();
    }
}

TEST(JsonWriter, Escapes) {
    EXPECT_EQ(Quoted("a\"b\\c\nd\re\tf\x01g\x1f"), R"("a\"b\\c\nd\re\tf\u0001g\u001f")");
    EXPECT_EQ(Quoted("/\x7f"), "\"/\x7f\"");
    EXPECT_EQ(Quoted(""), "\"\"");
}

TEST(JsonWriter, KeepsUtf8) {
    const std::string text = "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x90\x98";
    EXPECT_EQ(Quoted(text), "\"" + text + "\"");
}

TEST(JsonWriter, RepairsWhatIsNotUtf8) {
    const std::string bad = "\xEF\xBF\xBD";
    EXPECT_EQ(Quoted("gr\xFC"
                     "n"),
              "\"gr" + bad + "n\"");
    EXPECT_EQ(Quoted("\xC3"), "\"" + bad + "\"");                       // cut off
    EXPECT_EQ(Quoted("\xC0\x80"), "\"" + bad + bad + "\"");             // overlong
    EXPECT_EQ(Quoted("\xED\xA0\x80"), "\"" + bad + bad + bad + "\"");   // surrogate
    EXPECT_EQ(Quoted("\xE2\x82\"x"), "\"" + bad + bad + "\\\"x\"");     // cut by a quote
    EXPECT_EQ(Quoted(std::string("a\0b", 3)), "\"a" + bad + "b\"");     // NUL
    EXPECT_EQ(Quoted("\xF0\x9F\x90"), "\"" + bad + bad + bad + "\"");   // cut off
    EXPECT_EQ(Quoted("\xFF\xC3\xBC"), "\"" + bad + "\xC3\xBC" + "\"");  // the text after it stays
}

TEST(JsonWriter, AnyTwoBytesGiveWellFormedText) {
    for (int first = 0; first < 256; ++first) {
        for (int second = 0; second < 256; ++second) {
            const std::string text =
                Quoted(std::string{static_cast<char>(first), static_cast<char>(second)});
            ASSERT_TRUE(core::IsValidUtf8(text)) << first << " " << second;
            for (const char c : text) ASSERT_GE(static_cast<unsigned char>(c), 0x20);
        }
    }
}

}  // namespace
}  // namespace pganalytics::core
