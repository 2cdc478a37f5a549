// Base64url: the encoding of RFC 4648 section 5 as RFC 7515 uses it. It has no padding, and each
// value has exactly one spelling.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pganalytics::pki {

// DecodeBase64Url returns the bytes. It returns std::nullopt for anything that EncodeBase64Url
// would not write (other characters, padding, white space, unused bits that are not zero), so that
// no two texts decode to the same value.
std::optional<std::string> DecodeBase64Url(std::string_view text);
std::string EncodeBase64Url(std::string_view bytes);

}  // namespace pganalytics::pki
