// JSON: the checks that simdjson's On-Demand reader leaves to its caller. On-Demand checks the
// encoding of a whole document, but the grammar only of the values that are read. These functions
// read every value, so that nothing passes that RFC 8259 forbids.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

namespace pganalytics::ingest {

// kMaxDepth bounds the nesting of arrays and objects; collectors need 8.
inline constexpr int kMaxDepth = 32;

// JsonStatus is the result of reading a value: success, not JSON (400), nested deeper than
// kMaxDepth (400).
enum class JsonStatus { kOk, kMalformed, kTooDeep };

// RawString is a string as written in the document, from after its opening quote. Stage 1 of
// simdjson has checked that the string is closed, is UTF-8 and has no raw control characters.
struct RawString {
    std::string_view bytes;  // up to the closing quote, escapes not decoded
    bool escaped = false;
};
RawString FindString(const char* raw);

// Unescape sets *value to the string's value: a view of the document if nothing is escaped,
// otherwise a view of *scratch. Returns false for an escape that RFC 8259 does not define, or for
// half a surrogate pair.
bool Unescape(const RawString& raw, std::string* scratch, std::string_view* value);

// IsJsonNumber checks the grammar of RFC 8259 section 6. It refuses more than 1,000 characters.
bool IsJsonNumber(std::string_view token);

// ScalarToken is the text of a number or literal without the white space after it.
std::string_view ScalarToken(std::string_view token);

// CheckScalar is true if the token is a number, true, false or null.
bool CheckScalar(std::string_view token);

// Validate checks the whole of a value that no reader needs. `depth` counts the arrays and objects
// around it.
JsonStatus Validate(simdjson::ondemand::value value, int depth, std::string* scratch);

}  // namespace pganalytics::ingest
