// JSON: what simdjson's On-Demand reader leaves to its caller. On-Demand checks the encoding of a
// document and the grammar of what is read, but not of what is skipped: these functions read
// everything, so that nothing passes that RFC 8259 does not allow.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

namespace pganalytics::ingest {

// kMaxDepth bounds the nesting of arrays and objects; collectors need 8.
inline constexpr int kMaxDepth = 32;

// What became of reading a value: well, not JSON at all (400), nested deeper than kMaxDepth (400).
enum class JsonStatus { kOk, kMalformed, kTooDeep };

// RawString is a string as it stands in the document, from behind its opening quote. Stage 1 of
// simdjson has made sure that it is closed, UTF-8 and without raw control characters.
struct RawString {
    std::string_view bytes;  // up to the closing quote, escapes as they came
    bool escaped = false;
};
RawString FindString(const char* raw);

// Unescape gives the string's value: a view of the document when nothing is escaped, of *scratch
// otherwise. False for an escape that RFC 8259 does not know or half a surrogate pair.
bool Unescape(const RawString& raw, std::string* scratch, std::string_view* value);

// IsJsonNumber is the grammar of RFC 8259 section 6, in at most 1,000 characters.
bool IsJsonNumber(std::string_view token);

// ScalarToken is a number's or literal's text without the white space that follows it.
std::string_view ScalarToken(std::string_view token);

// CheckScalar says whether a token is a number, true, false or null.
bool CheckScalar(std::string_view token);

// Validate walks a value that nobody wants and checks all of it. `depth` counts the arrays and
// objects around it.
JsonStatus Validate(simdjson::ondemand::value value, int depth, std::string* scratch);

}  // namespace pganalytics::ingest
