// Lexer: splits SQL into tokens by PostgreSQL's lexical rules (src/backend/parser/scan.l), as far
// as they decide what is a constant. The PostgreSQL backend includes this header, so it uses no
// containers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pganalytics::redact {

enum class TokenKind : uint8_t {
    kEnd,
    kOther,      // spaces, or one byte of an operator or of punctuation
    kWord,       // a keyword or an unquoted name
    kName,       // "a quoted name"
    kParameter,  // $1
    kConstant,   // a number, or a string of any kind
    kBlockComment,
    kLineComment,  // without the newline at its end
};

struct Token {
    TokenKind kind;
    std::string_view text;
};

// Lexer reads the text from its beginning. Where the text is ambiguous or cut off, it takes more
// for a constant rather than less:
//   * A string, a comment or a quoted name that does not end is a constant, or a comment, up to the
//     end of the text.
//   * So is a plain string with a backslash before a quote: standard_conforming_strings decides
//     whether that quote ends the string, and the text does not tell.
//   * Letters that follow a number belong to it.
class Lexer {
  public:
    explicit constexpr Lexer(std::string_view text) : text_(text) {}

    // Next returns the next token, a view into the text. At the end it returns kEnd.
    Token Next();

  private:
    size_t StringEnd(size_t quote, bool escapes) const;
    size_t NameEnd(size_t quote) const;
    size_t DollarStringEnd(size_t dollar) const;
    size_t NumberEnd(size_t at) const;
    size_t BlockCommentEnd(size_t at) const;
    size_t LineEnd(size_t at) const;
    Token WordAt(size_t at);
    Token Take(TokenKind kind, size_t end);
    Token TakeName(size_t quote);
    char At(size_t at) const { return at < text_.size() ? text_[at] : '\0'; }

    std::string_view text_;
    size_t at_ = 0;
};

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsWordStart(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}

struct WordBytes {
    bool at[256] = {};

    constexpr WordBytes() {
        for (int i = 0; i < 256; ++i) {
            const char c = static_cast<char>(i);
            at[i] = IsWordStart(c) || IsDigit(c) || c == '$';
        }
    }
};
inline constexpr WordBytes kWordBytes;

// IsWordByte: the byte may continue an unquoted name. A table, because whoever sends texts decides
// how many such bytes there are.
inline bool IsWordByte(char c) { return kWordBytes.at[static_cast<unsigned char>(c)]; }

// EqualsWord compares an unquoted word with a word in lower case, and ignores the case of the
// first.
bool EqualsWord(std::string_view word, std::string_view lower);

}  // namespace pganalytics::redact
