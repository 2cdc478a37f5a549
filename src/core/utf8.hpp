// UTF-8: finds the bounds of characters, to check untrusted texts and to cut texts. The PostgreSQL
// backend includes this header. So it uses no containers: longjmp in the backend skips their
// destructors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pganalytics::core {

// Utf8Length returns the number of bytes of the character at the start of `text`. It returns 0 if
// `text` is empty or does not begin with a well-formed character. RFC 3629 says what is
// well-formed: it allows no surrogates, no overlong forms and nothing above U+10FFFF. A NUL byte is
// well-formed. PostgreSQL accepts no NUL, so a caller that passes the text to PostgreSQL checks for
// NUL itself.
size_t Utf8Length(std::string_view text);

// IsValidUtf8 returns whether all of `text` is well-formed UTF-8, as Utf8Length defines it.
bool IsValidUtf8(std::string_view text);

// DecodeUtf8 returns the character whose bytes are `one`. REQUIRES: Utf8Length(one) is the size of
// `one`.
uint32_t DecodeUtf8(std::string_view one);

// Look says how a character looks. kMisleads: it is a control character, ends a line or changes the
// direction of text, so a line with it may look like another line or like two. kHidden: it is
// another one without a shape of its own, such as U+200B or the fillers of Hangul. Scripts and
// emoji need some of these.
enum class Look : uint8_t { kShown, kHidden, kMisleads };
Look LookOf(uint32_t character);

// IsPrintable returns whether all of `text` is well-formed UTF-8 without characters that mislead:
// it can stand in a line of a log and cannot be taken for another line. MakePrintable writes '?'
// over each byte of a character that misleads, and over each that belongs to no character. With
// Lines::kMany both leave '\n' alone.
enum class Lines { kOne, kMany };
bool IsPrintable(std::string_view text, Lines lines = Lines::kOne);
void MakePrintable(char* text, size_t size, Lines lines = Lines::kOne);

// CutUtf8 returns the longest beginning of `text` that has at most `most` bytes and does not end
// inside a character.
std::string_view CutUtf8(std::string_view text, size_t most);

// CopyUtf8 copies as many whole characters of `text` to `out` as fit, and adds a NUL. It writes '?'
// for each NUL and each byte that belongs to no character. REQUIRES: out_size > 0.
void CopyUtf8(std::string_view text, char* out, size_t out_size);

}  // namespace pganalytics::core
