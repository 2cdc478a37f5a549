// UTF-8: where characters begin and end, for texts of strangers and for texts that have to be cut.
// No containers: the server includes this.
#pragma once

#include <cstddef>
#include <string_view>

namespace pganalytics::core {

// Utf8Length is the number of bytes of the character at the start of `text`; 0 if it is empty or no
// well-formed sequence of RFC 3629 begins there: no surrogates, no overlong forms, nothing above
// U+10FFFF. A NUL byte is well-formed; callers that feed PostgreSQL refuse it.
size_t Utf8Length(std::string_view text);

// IsValidUtf8: `text` consists of such characters.
bool IsValidUtf8(std::string_view text);

// CutUtf8 gives the beginning of `text` of at most `most` bytes that does not end inside a
// character.
std::string_view CutUtf8(std::string_view text, size_t most);

// CopyUtf8 writes what has room of `text` to `out`, cut between characters and NUL-terminated, with
// '?' for each NUL and each byte that belongs to no character. REQUIRES: out_size > 0.
void CopyUtf8(std::string_view text, char* out, size_t out_size);

}  // namespace pganalytics::core
