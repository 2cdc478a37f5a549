// Mail address: which texts are allowed in an SMTP command and in a list of addresses.
#pragma once

#include <string_view>

namespace pganalytics::core {

// IsMailAddress returns whether `text` is "name@host", or a name alone, which the relay completes.
// Only printable ASCII is allowed, without the characters that have a meaning in an SMTP command or
// a header. So quoted names are refused.
constexpr bool IsMailAddress(std::string_view text) {
    constexpr size_t kMaxBytes = 254;  // RFC 5321 section 4.5.3.1.3
    constexpr std::string_view kSpecial = " \"(),:;<>[\\]";
    for (const char c : text) {
        if (c < ' ' || c > '~') return false;
    }
    return !text.empty() && text.size() <= kMaxBytes && text.front() != '-' &&
           text.find_first_of(kSpecial) == std::string_view::npos && text.front() != '@' &&
           text.back() != '@' && text.find('@') == text.rfind('@');
}

}  // namespace pganalytics::core
