// Path pattern: which paths belong to a route.
#pragma once

#include <string_view>

namespace pganalytics::core {

// MatchesPattern compares byte for byte, with two exceptions: one "*" between slashes matches one
// or more bytes without a slash, and "/*" at the end matches a slash and one or more bytes.
constexpr bool MatchesPattern(std::string_view pattern, std::string_view path) {
    const size_t star = pattern.find('*');
    if (star == std::string_view::npos) return pattern == path;
    const std::string_view begin = pattern.substr(0, star);
    const std::string_view end = pattern.substr(star + 1);
    if (path.size() <= begin.size() + end.size()) return false;
    if (!path.starts_with(begin) || !path.ends_with(end)) return false;
    path.remove_prefix(begin.size());
    path.remove_suffix(end.size());
    return end.empty() || path.find('/') == std::string_view::npos;
}

}  // namespace pganalytics::core
