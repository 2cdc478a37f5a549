// JsonWriter: writes JSON into one buffer, which its owner can reuse.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace pganalytics::core {

// JsonWriter writes the commas; the caller must close each object and array that it begins. Numbers
// are exact: a double is written with the fewest digits that read back as the same double.
class JsonWriter {
  public:
    void Clear();
    const std::string& text() const { return text_; }

    void BeginObject() { Open('{'); }
    void EndObject() { Close('}'); }
    void BeginArray() { Open('['); }
    void EndArray() { Close(']'); }

    // Key begins a member of an object; the caller's next call writes the member's value. Key
    // escapes as String does.
    void Key(std::string_view key);

    void Int(int64_t value);
    // REQUIRES: `value` is finite, because JSON has neither infinities nor NaN.
    void Double(double value);
    void Bool(bool value);
    // String escapes as JSON requires. It writes U+FFFD for NUL and for each byte that is not part
    // of well-formed UTF-8, because PostgreSQL can store neither.
    void String(std::string_view value);
    // Document writes the JSON document `json` unchanged. REQUIRES: `json` is valid JSON.
    void Document(std::string_view json);

    // Member writes a key and its value.
    void Member(std::string_view key, std::string_view value) { Key(key), String(value); }
    void Member(std::string_view key, int64_t value) { Key(key), Int(value); }
    // std::same_as keeps string literals out of this overload: they are pointers, and pointers
    // convert to bool.
    void Member(std::string_view key, std::same_as<bool> auto value) { Key(key), Bool(value); }

  private:
    void Comma();
    void Open(char bracket);
    void Close(char bracket);

    std::string text_;
    bool need_comma_ = false;
};

}  // namespace pganalytics::core
