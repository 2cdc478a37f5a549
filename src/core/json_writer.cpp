// JsonWriter builds no tree of values: a push body is written once, from start to end.
#include "core/json_writer.hpp"

#include <charconv>

#include "core/json_string.hpp"

namespace pganalytics::core {

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
    String(key);
    text_ += ':';
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

void JsonWriter::String(std::string_view value) {
    Comma();
    WriteJsonString(value, [this](std::string_view piece) { text_ += piece; });
}

void JsonWriter::Document(std::string_view json) {
    Comma();
    text_ += json;
}

}  // namespace pganalytics::core
