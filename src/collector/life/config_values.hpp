// Parsers for settings that have a syntax of their own: interval, number, word, pin, URL.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace pganalytics::collector {

// ParseInterval reads "500ms", "60s", "5m" or "1h": 100 ms to 1 h.
core::Result<std::chrono::milliseconds> ParseInterval(std::string_view text);

// ParseMaxQueries reads a number of queries: 1 to 100000.
core::Result<size_t> ParseMaxQueries(std::string_view text);

// QueryTexts says how query texts are sent: without their constants, not at all, or as they are.
// The server may store less of them (pganalytics.query_texts).
enum class QueryTexts { kMasked, kNone, kAsSent };

// ParseQueryTexts reads "masked", "none" or "as_sent".
core::Result<QueryTexts> ParseQueryTexts(std::string_view text);

// NormalizePin reads one or more of "sha256/<base64>" or "sha256//<base64>", separated by ';'. The
// result has libcurl's form, "sha256//<base64>".
core::Result<std::string> NormalizePin(std::string_view text);

// NormalizeUrl accepts https://host[:port][/prefix] without user, query and fragment. The result
// has no slash at its end.
core::Result<std::string> NormalizeUrl(const std::string& text);

}  // namespace pganalytics::collector
