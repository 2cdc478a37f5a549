// JsonWriter: writes JSON into one buffer, which its owner can reuse.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pganalytics::core {

// JsonWriter puts the commas; the caller closes what it opens. Numbers are exact: a double is
// written with the fewest digits that read back as the same double.
class JsonWriter {
  public:
    void Clear();
    const std::string& text() const { return text_; }

    void BeginObject() { Open('{'); }
    void EndObject() { Close('}'); }
    void BeginArray() { Open('['); }
    void EndArray() { Close(']'); }

    // Key begins a member; the next call writes its value. REQUIRES: no character of `key` needs
    // escaping.
    void Key(std::string_view key);

    void Int(int64_t value);
    // REQUIRES: finite; JSON has no other numbers.
    void Double(double value);
    void Bool(bool value);
    // String escapes what JSON wants escaped and replaces each byte that is not part of
    // well-formed UTF-8, and NUL, by U+FFFD: PostgreSQL can store neither.
    void String(std::string_view value);

  private:
    void Comma();
    void Open(char bracket);
    void Close(char bracket);
    void Escape(unsigned char c);

    std::string text_;
    bool need_comma_ = false;
};

}  // namespace pganalytics::core
