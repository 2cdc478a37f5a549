#include "redact/sql_masker.hpp"

#include <charconv>

namespace pganalytics::redact {
namespace {

// A number of more digits is no parameter to the lexer. A text with more constants repeats the last
// number.
constexpr uint32_t kMaxParameter = 99999;

uint32_t NumberOf(std::string_view parameter) {
    uint32_t number = 0;
    std::from_chars(parameter.data() + 1, parameter.data() + parameter.size(), number);
    return number;
}

uint32_t HighestParameter(std::string_view sql) {
    if (sql.find('$') == std::string_view::npos) return 0;
    Lexer lexer(sql);
    uint32_t highest = 0;
    for (Token token = lexer.Next(); token.kind != TokenKind::kEnd; token = lexer.Next()) {
        if (token.kind != TokenKind::kParameter) continue;
        const uint32_t number = NumberOf(token.text);
        if (number > highest) highest = number;
    }
    return highest;
}

bool IsAny(std::string_view word, std::string_view a, std::string_view b, std::string_view c) {
    return EqualsWord(word, a) || EqualsWord(word, b) || EqualsWord(word, c);
}

}  // namespace

SqlMasker::SqlMasker(std::string_view sql) : lexer_(sql), parameters_(HighestParameter(sql)) {}

std::string_view SqlMasker::Placeholder() {
    if (parameters_ < kMaxParameter) ++parameters_;
    char* at = placeholder_;
    if (after_word_) *at++ = ' ';
    *at++ = '$';
    at = std::to_chars(at, placeholder_ + sizeof(placeholder_), parameters_).ptr;
    after_word_ = true;
    return {placeholder_, static_cast<size_t>(at - placeholder_)};
}

std::string_view SqlMasker::Next() {
    if (ended_) return {};
    const Token token = lexer_.Next();
    switch (token.kind) {
        case TokenKind::kEnd:
            ended_ = true;
            return {};
        case TokenKind::kConstant:
            statement_.latest = {};
            return Placeholder();
        case TokenKind::kBlockComment:
            after_word_ = false;
            return "/**/";
        case TokenKind::kLineComment:
            after_word_ = false;
            return "--";
        case TokenKind::kWord:
        case TokenKind::kName:
            if (MasksWord(token.text)) return Placeholder();
            break;
        case TokenKind::kOther:
        case TokenKind::kParameter:
            break;
    }
    Note(token);
    after_word_ = IsWordByte(token.text.back());
    // A lone $ is an error in SQL. Left in place, it could begin a dollar-quoted string together
    // with the next placeholder.
    return token.text == "$" ? std::string_view(" ") : token.text;
}

// MasksWord: the word is a value although it looks like a name.
bool SqlMasker::MasksWord(std::string_view word) {
    if (statement_.is_value) return !EqualsWord(word, "default");
    const bool is_role = IsAny(statement_.second, "role", "user", "group");
    return is_role && EqualsWord(statement_.latest, "password") && !EqualsWord(word, "null");
}

// Note takes a token that stays into account for those that follow.
void SqlMasker::Note(const Token& token) {
    Statement& s = statement_;
    if (token.kind == TokenKind::kOther) {
        const char c = token.text.front();
        if (c == ';') {
            ended_ = s.copies_in;
            s = {};
        } else if (c == '.') {
            s.custom = s.sets;
        } else if (c == '=') {
            s.is_value = s.custom;
        }
        return;
    }
    const std::string_view word = token.text;
    if (token.kind == TokenKind::kName) {
        s.custom = s.custom || (s.sets && word.find('.') != std::string_view::npos);
    } else if (token.kind == TokenKind::kWord) {
        if (s.first.empty()) {
            s.first = word;
        } else if (s.second.empty()) {
            s.second = word;
        }
        if (EqualsWord(word, "set")) {
            s.sets = IsAny(s.first, "set", "alter", "create");
            s.custom = false;
        } else if (EqualsWord(word, "to")) {
            s.is_value = s.custom;
        } else if (EqualsWord(word, "stdin")) {
            s.copies_in = EqualsWord(s.first, "copy") && EqualsWord(s.latest, "from");
        }
    }
    s.latest = word;
}

}  // namespace pganalytics::redact
