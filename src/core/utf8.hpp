// UTF-8: finds the bounds of characters, to check untrusted texts and to cut texts. This header
// uses no containers: the PostgreSQL backend, where longjmp skips destructors, includes it.
#pragma once

#include <cstddef>
#include <string_view>

namespace pganalytics::core {

// Utf8Length is the number of bytes of the character at the start of `text`; 0 if `text` is empty
// or does not begin with a well-formed sequence of RFC 3629: no surrogates, no overlong forms,
// nothing above U+10FFFF. A NUL byte is well-formed; callers that pass texts to PostgreSQL refuse
// it.
size_t Utf8Length(std::string_view text);

// IsValidUtf8: all of `text` is well-formed UTF-8, as Utf8Length defines it.
bool IsValidUtf8(std::string_view text);

// CutUtf8 returns the longest beginning of `text` that has at most `most` bytes and does not end
// inside a character.
std::string_view CutUtf8(std::string_view text, size_t most);

// CopyUtf8 writes as much of `text` to `out` as fits, cut between characters and NUL-terminated. It
// writes '?' for each NUL and each byte that belongs to no character. REQUIRES: out_size > 0.
void CopyUtf8(std::string_view text, char* out, size_t out_size);

}  // namespace pganalytics::core
