// Tests that strings in JSON are masked unless they are like names.
#include "redact/json_masker.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "redact/sql_masker.hpp"

namespace pganalytics::redact {
namespace {

std::string Masked(std::string_view json) {
    std::vector<char> scratch(json.size() + 1);
    std::string masked;
    const auto append = [&masked](std::string_view piece) { masked += piece; };
    MaskJson(
        json, scratch.data(), [](std::string_view content, auto write) { MaskSql(content, write); },
        append);
    return masked;
}

TEST(JsonMasker, MasksStringsThatMayBeStatements) {
    EXPECT_EQ(Masked(R"({"default": "'S3CRET'::text", "n": 5, "b": [true, "x y"]})"),
              R"({"default": "$1::text", "n": 5, "b": [true, "x y"]})");
    EXPECT_EQ(Masked(R"({"definition": "CREATE INDEX i ON \"T\" (a) WHERE b = '\u0053\n'"})"),
              R"({"definition": "CREATE INDEX i ON \"T\" (a) WHERE b = $1"})");
    EXPECT_EQ(Masked(R"(["\u0027S3CRET\u0027", "\ud83d\ude00 a"])"),
              "[\"$1\", \"\xF0\x9F\x98\x80 a\"]");
}

TEST(JsonMasker, LeavesMemberNamesAndNames) {
    for (const char* json :
         {R"({"it's a name" : "public", "at": "2026-11-30T10:00:00Z", "v": "16.2"})", "[]", "\"\"",
          "5", "", "{\"a\":{}}"}) {
        EXPECT_EQ(Masked(json), json);
    }
}

TEST(JsonMasker, StaysInATextThatIsCutOff) {
    constexpr std::string_view kJson = R"({"a b": "c 'd\u0041\ud83d\ude00\"", "e": ["\\ '"]})";
    for (size_t size = 0; size <= kJson.size(); ++size) Masked(std::string(kJson.substr(0, size)));
}

}  // namespace
}  // namespace pganalytics::redact
