// Visible: shows characters that have no shape of their own as escapes. Names come from whoever may
// push: a control character can add a line to a text, and U+202E shows what follows in the reverse
// order. The PostgreSQL backend includes this header, so it uses no containers.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace pganalytics::core {

// The longest escape is \U000e0001.
using VisibleBuffer = std::array<char, 12>;

// TakeVisible removes the first character from `text` and returns how to show it: as it is, or, if
// it has no shape of its own (LookOf in utf8.hpp), as \u200e or \U000e0001 in *buffer. A byte that
// is no UTF-8 becomes \xff. REQUIRES: `text` is not empty.
std::string_view TakeVisible(std::string_view* text, VisibleBuffer* buffer);

// CopyVisible copies as many characters of `text` as fit to `out`, each as TakeVisible shows it,
// and adds a NUL. REQUIRES: out_size > 0.
void CopyVisible(std::string_view text, char* out, size_t out_size);

}  // namespace pganalytics::core
