// Fuzzes the maskers: masking twice is masking once, a masked statement has no constant left, and
// what was put into a string shows nowhere, wherever the text is cut off.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "redact/json_masker.hpp"
#include "redact/message_masker.hpp"
#include "redact/sql_masker.hpp"

namespace {

using namespace pganalytics::redact;

void Require(bool condition) {
    if (!condition) std::abort();
}

std::string MaskedSql(const std::string& text) {
    std::string masked;
    MaskSql(text, [&masked](std::string_view piece) { masked += piece; });
    return masked;
}

std::string MaskedMessage(const std::string& text) {
    std::string masked;
    MaskMessage(text, true, [&masked](std::string_view piece) { masked += piece; });
    return masked;
}

std::string MaskedJson(const std::string& text) {
    std::vector<char> scratch(text.size());
    std::string masked;
    MaskJson(
        text, scratch.data(), [](std::string_view content, auto write) { MaskSql(content, write); },
        [&masked](std::string_view piece) { masked += piece; });
    return masked;
}

void CheckSql(const std::string& text) {
    const std::string masked = MaskedSql(text);
    Require(MaskedSql(masked) == masked);
    Lexer lexer(masked);
    for (Token token = lexer.Next(); token.kind != TokenKind::kEnd; token = lexer.Next()) {
        Require(token.kind != TokenKind::kConstant);
        Require(token.kind != TokenKind::kBlockComment || token.text == "/**/");
        Require(token.kind != TokenKind::kLineComment || token.text == "--");
    }
}

// Quoted writes the bytes as a string in one of the ways that SQL has. Each byte becomes a Z or a
// character that matters to the lexer.
std::string Quoted(std::string_view bytes, uint8_t way) {
    constexpr std::string_view kCharacters = "ZZ'\"\\$-/*\n; ";
    std::string content;
    for (const char byte : bytes) {
        const char c = kCharacters[static_cast<uint8_t>(byte) % kCharacters.size()];
        switch (way % 4) {
            case 0:  // a plain string; a backslash before a quote is another matter
                if (c == '\\') continue;
                content += c;
                if (c == '\'') content += c;
                break;
            case 1:
                if (c == '\'' || c == '\\') content += '\\';
                content += c;
                break;
            case 2:
                content += c == '$' ? '-' : c;
                break;
            default:  // the content of a comment, which ends with the first */ if none began inside
                content += c == '/' || c == '*' ? '-' : c;
                break;
        }
    }
    switch (way % 4) {
        case 0:
            return "'" + content + "'";
        case 1:
            return "E'" + content + "'";
        case 2:
            return "$q$" + content + "$q$";
        default:
            return "/*" + content + "*/";
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    CheckSql(text);
    const std::string message = MaskedMessage(text);
    Require(MaskedMessage(message) == message);
    MaskedJson(text);
    if (size < 4) return 0;
    const std::string_view bytes = std::string_view(text).substr(3);
    const size_t half = bytes.size() / 2;
    const std::string sql = "SELECT a, " + Quoted(bytes.substr(0, half), data[0]) +
                            " FROM t WHERE b = " + Quoted(bytes.substr(half), data[1]) + " AND c";
    Require(MaskedSql(sql).find('Z') == std::string::npos);
    Require(MaskedSql(sql).ends_with(" AND c"));
    const std::string cut = sql.substr(0, sql.size() * data[2] / 255);
    Require(MaskedSql(cut).find('Z') == std::string::npos);
    Require(MaskedMessage("STATEMENT:  " + cut).find('Z') == std::string::npos);
    return 0;
}
