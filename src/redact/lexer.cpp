#include "redact/lexer.hpp"

#include <algorithm>

namespace pganalytics::redact {
namespace {

// PostgreSQL allows no longer ones (65535), so a longer one is a number that somebody hides.
constexpr size_t kMaxParameterDigits = 5;

bool IsSpace(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool EqualsWord(std::string_view word, std::string_view lower) {
    return std::equal(word.begin(), word.end(), lower.begin(), lower.end(),
                      [](char a, char b) { return Lower(a) == b; });
}

Token Lexer::Take(TokenKind kind, size_t end) {
    const Token token = {kind, text_.substr(at_, end - at_)};
    at_ = end;
    return token;
}

Token Lexer::Next() {
    if (at_ >= text_.size()) return {TokenKind::kEnd, {}};
    const char c = text_[at_];
    if (IsWordStart(c)) return WordAt(at_);
    if (IsSpace(c)) {
        size_t end = at_;
        while (end < text_.size() && IsSpace(text_[end])) ++end;
        return Take(TokenKind::kOther, end);
    }
    switch (c) {
        case '\'':
            return Take(TokenKind::kConstant, StringEnd(at_, false));
        case '"':
            return TakeName(at_);
        case '$': {
            size_t end = at_ + 1;
            while (IsDigit(At(end))) ++end;
            if (end > at_ + 1) {
                const bool small = end - at_ - 1 <= kMaxParameterDigits;
                return Take(small ? TokenKind::kParameter : TokenKind::kConstant, end);
            }
            end = DollarStringEnd(at_);
            if (end > at_) return Take(TokenKind::kConstant, end);
            break;
        }
        case '-':
            if (At(at_ + 1) == '-') return Take(TokenKind::kLineComment, LineEnd(at_));
            break;
        case '/':
            if (At(at_ + 1) == '*') return Take(TokenKind::kBlockComment, BlockCommentEnd(at_));
            break;
        case '.':
            if (IsDigit(At(at_ + 1))) return Take(TokenKind::kConstant, NumberEnd(at_));
            break;
        default:
            if (IsDigit(c)) return Take(TokenKind::kConstant, NumberEnd(at_));
            break;
    }
    return Take(TokenKind::kOther, at_ + 1);
}

// WordAt reads a word. A string or a quoted name may follow it as a part of the token: E'...',
// B'...', X'...', N'...', U&'...', U&"...".
Token Lexer::WordAt(size_t at) {
    size_t end = at;
    while (end < text_.size() && IsWordByte(text_[end])) ++end;
    if (end - at == 1) {
        const char letter = Lower(text_[at]);
        const char next = At(end);
        if (next == '\'' && (letter == 'e' || letter == 'b' || letter == 'x' || letter == 'n')) {
            return Take(TokenKind::kConstant, StringEnd(end, letter == 'e'));
        }
        if (letter == 'u' && next == '&') {
            if (At(end + 1) == '\'') return Take(TokenKind::kConstant, StringEnd(end + 1, false));
            if (At(end + 1) == '"') return TakeName(end + 1);
        }
    }
    return Take(TokenKind::kWord, end);
}

// TakeName takes a quoted name. One that is cut off may be anything, so it counts as a constant.
Token Lexer::TakeName(size_t quote) {
    const size_t end = NameEnd(quote);
    return end == 0 ? Take(TokenKind::kConstant, text_.size()) : Take(TokenKind::kName, end);
}

// NameEnd returns the position after a quoted name, or 0 if it does not end.
size_t Lexer::NameEnd(size_t quote) const {
    for (size_t at = quote + 1; at < text_.size(); ++at) {
        if (text_[at] != '"') continue;
        if (At(at + 1) != '"') return at + 1;
        ++at;
    }
    return 0;
}

// StringEnd returns the position after a string, and after its continuations: a string goes on if
// only white space with a newline, and comments to the ends of lines, are before the next quote.
size_t Lexer::StringEnd(size_t quote, bool escapes) const {
    size_t at = quote + 1;
    while (at < text_.size()) {
        if (text_[at] == '\\') {
            if (!escapes && At(at + 1) == '\'') return text_.size();
            at += escapes || At(at + 1) == '\\' ? 2 : 1;
        } else if (text_[at] != '\'') {
            ++at;
        } else if (At(at + 1) == '\'') {
            at += 2;
        } else {
            const size_t end = at + 1;
            bool newline = false;
            for (at = end; at < text_.size();) {
                if (IsSpace(text_[at])) {
                    newline = newline || text_[at] == '\n' || text_[at] == '\r';
                    ++at;
                } else if (text_[at] == '-' && At(at + 1) == '-') {
                    at = LineEnd(at);
                } else {
                    break;
                }
            }
            if (!newline || At(at) != '\'') return end;
            ++at;
        }
    }
    return text_.size();
}

// DollarStringEnd returns the position after the dollar-quoted string that begins here. If none
// does, it returns `dollar`.
size_t Lexer::DollarStringEnd(size_t dollar) const {
    size_t tag_end = dollar + 1;
    if (IsWordStart(At(tag_end))) {
        while (IsWordStart(At(tag_end)) || IsDigit(At(tag_end))) ++tag_end;
    }
    if (At(tag_end) != '$') return dollar;
    const std::string_view tag = text_.substr(dollar, tag_end + 1 - dollar);
    const size_t close = text_.find(tag, tag_end + 1);
    return close == std::string_view::npos ? text_.size() : close + tag.size();
}

size_t Lexer::NumberEnd(size_t at) const {
    for (; at < text_.size(); ++at) {
        const char c = text_[at];
        if (c == '.') {
            if (At(at + 1) == '.') break;  // a range of PL/pgSQL: 1..10
        } else if (c == '+' || c == '-') {
            if (Lower(text_[at - 1]) != 'e' || !IsDigit(At(at + 1))) break;
        } else if (c == '$' || !IsWordByte(c)) {
            break;
        }
    }
    return at;
}

// BlockCommentEnd returns the position after a comment; comments may contain comments.
size_t Lexer::BlockCommentEnd(size_t at) const {
    size_t depth = 0;
    while (at < text_.size()) {
        if (text_[at] == '/' && At(at + 1) == '*') {
            ++depth;
            at += 2;
        } else if (text_[at] == '*' && At(at + 1) == '/') {
            at += 2;
            if (--depth == 0) return at;
        } else {
            ++at;
        }
    }
    return text_.size();
}

size_t Lexer::LineEnd(size_t at) const {
    return std::min(text_.find_first_of("\r\n", at), text_.size());
}

}  // namespace pganalytics::redact
