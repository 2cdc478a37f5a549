// A scanner of SQL tokens that finds string constants.
#include "collector/sources/redact.hpp"

#include <algorithm>
#include <cctype>

namespace pganalytics::collector {
namespace {

constexpr std::string_view kWord = "password";

bool IsWordChar(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return std::isalnum(byte) != 0 || c == '_' || c == '$' || byte >= 0x80;
}

bool EqualNoCase(char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
}

bool Mentions(std::string_view text) {
    return std::search(text.begin(), text.end(), kWord.begin(), kWord.end(), EqualNoCase) !=
           text.end();
}

// QuotedEnd is the position after the quoted token that starts with a quote at `at`; the end of the
// text if the token is cut off.
size_t QuotedEnd(std::string_view text, size_t at, bool backslashes) {
    const char quote = text[at];
    for (++at; at < text.size(); ++at) {
        if (backslashes && text[at] == '\\') {
            ++at;
        } else if (text[at] == quote) {
            if (at + 1 < text.size() && text[at + 1] == quote) {
                ++at;
            } else {
                return at + 1;
            }
        }
    }
    return text.size();
}

// DollarQuoteEnd is the position after a dollar-quoted constant at `at`; `at` if there is none.
size_t DollarQuoteEnd(std::string_view text, size_t at) {
    size_t tag_end = at + 1;
    while (tag_end < text.size() && text[tag_end] != '$' && IsWordChar(text[tag_end])) ++tag_end;
    if (tag_end >= text.size() || text[tag_end] != '$') return at;
    if (tag_end > at + 1 && std::isdigit(static_cast<unsigned char>(text[at + 1])) != 0) return at;
    const std::string_view tag = text.substr(at, tag_end + 1 - at);
    const size_t close = text.find(tag, tag_end + 1);
    return close == std::string_view::npos ? text.size() : close + tag.size();
}

size_t CommentEnd(std::string_view text, size_t at) {
    const bool block = text[at] == '/';
    const size_t end = text.find(block ? "*/" : "\n", at + 2);
    if (end == std::string_view::npos) return text.size();
    return end + (block ? 2 : 1);
}

}  // namespace

std::string RedactSecrets(std::string_view text) {
    if (!Mentions(text)) return std::string(text);
    std::string result;
    result.reserve(text.size());
    bool after_password = false;
    size_t at = 0;
    while (at < text.size()) {
        const std::string_view rest = text.substr(at);
        if (rest.starts_with("--") || rest.starts_with("/*")) {
            const size_t end = CommentEnd(text, at);
            result += text.substr(at, end - at);
            at = end;
            continue;
        }
        // A constant is '...', E'...', U&'...' or $tag$...$tag$. The scanner reads a prefix (E,
        // U&) as a word.
        const bool quoted = text[at] == '\'';
        const size_t dollar_end = text[at] == '$' ? DollarQuoteEnd(text, at) : at;
        if (quoted || dollar_end > at) {
            const bool backslashes = at > 0 && EqualNoCase(text[at - 1], 'e');
            const size_t end = quoted ? QuotedEnd(text, at, backslashes) : dollar_end;
            const std::string_view constant = text.substr(at, end - at);
            const bool secret = after_password || Mentions(constant);
            result += secret ? std::string_view("'***'") : constant;
            after_password = false;
            at = end;
        } else if (text[at] == '"') {
            const size_t end = QuotedEnd(text, at, false);
            const std::string_view name = text.substr(at, end - at);
            result += name;
            after_password = Mentions(name);
            at = end;
        } else if (IsWordChar(text[at])) {
            size_t end = at;
            while (end < text.size() && IsWordChar(text[end])) ++end;
            const std::string_view word = text.substr(at, end - at);
            result += word;
            // A prefix such as E or U& may stand between the word PASSWORD and its constant.
            const bool prefix = end < text.size() && (text[end] == '\'' || text[end] == '&');
            if (!prefix) after_password = Mentions(word);
            at = end;
        } else {
            const char c = text[at];
            const bool between = std::isspace(static_cast<unsigned char>(c)) != 0 || c == '=' ||
                                 c == '&' || c == '(' || c == ':';
            if (!between) after_password = false;
            result += c;
            ++at;
        }
    }
    return result;
}

}  // namespace pganalytics::collector
