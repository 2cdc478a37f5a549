// JSON by hand: the body of a push is written once, in order, without a tree of values.
#include "core/json_writer.hpp"

#include <charconv>

#include "core/text.hpp"

namespace pganalytics::core {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Utf8Length is the length of the well-formed sequence at the start of `text`, 0 if there is none.
size_t Utf8Length(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (length > text.size() || !core::IsValidUtf8(text.substr(0, length))) return 0;
    return length;
}

}  // namespace

void JsonWriter::Clear() {
    text_.clear();
    need_comma_ = false;
}

void JsonWriter::Comma() {
    if (need_comma_) text_ += ',';
    need_comma_ = true;
}

void JsonWriter::Open(char bracket) {
    Comma();
    text_ += bracket;
    need_comma_ = false;
}

void JsonWriter::Close(char bracket) {
    text_ += bracket;
    need_comma_ = true;
}

void JsonWriter::Key(std::string_view key) {
    Comma();
    text_ += '"';
    text_ += key;
    text_ += "\":";
    need_comma_ = false;
}

void JsonWriter::Int(int64_t value) {
    Comma();
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
    text_.append(digits, end);
}

void JsonWriter::Double(double value) {
    Comma();
    char digits[40];
    const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
    text_.append(digits, end);
}

void JsonWriter::Bool(bool value) {
    Comma();
    text_ += value ? "true" : "false";
}

void JsonWriter::Escape(unsigned char c) {
    static constexpr char kHex[] = "0123456789abcdef";
    text_ += '\\';
    switch (c) {
        case '"':
        case '\\':
            text_ += static_cast<char>(c);
            break;
        case '\n':
            text_ += 'n';
            break;
        case '\r':
            text_ += 'r';
            break;
        case '\t':
            text_ += 't';
            break;
        default:
            text_ += "u00";
            text_ += kHex[c >> 4];
            text_ += kHex[c & 15];
    }
}

void JsonWriter::String(std::string_view value) {
    Comma();
    text_ += '"';
    size_t copied = 0;  // everything before this is in text_
    size_t at = 0;
    while (at < value.size()) {
        const auto c = static_cast<unsigned char>(value[at]);
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            ++at;
            continue;
        }
        const size_t sequence = c < 0x80 ? 0 : Utf8Length(value.substr(at));
        if (sequence > 0) {
            at += sequence;
            continue;
        }
        text_.append(value, copied, at - copied);
        if (c >= 0x80 || c == 0) {
            text_ += kReplacement;
        } else {
            Escape(c);
        }
        copied = ++at;
    }
    text_.append(value, copied);
    text_ += '"';
}

}  // namespace pganalytics::core
