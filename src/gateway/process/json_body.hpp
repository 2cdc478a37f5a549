// JSON body: reads the small bodies of requests other than pushes. Such a body is one JSON object
// of strings.
#pragma once

#include <cjson/cJSON.h>

#include <memory>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace pganalytics::gateway {

inline constexpr size_t kMaxSmallBodyBytes = size_t{64} << 10;

class JsonBody {
  public:
    // Parse reads a body. Errors: 413 if it is larger than kMaxSmallBodyBytes; 400 if it is not
    // UTF-8, is not exactly one JSON object, or holds a key twice.
    static core::Result<JsonBody> Parse(std::string_view body);

    // Text returns a member that must be present and must be a string of 1 to max_bytes bytes.
    // Error: 422, with the member's name.
    core::Result<std::string> Text(const char* name, size_t max_bytes) const;
    // OptionalText does the same as Text, but the member may be absent, null or "". It then returns
    // "".
    core::Result<std::string> OptionalText(const char* name, size_t max_bytes) const;

  private:
    struct Deleter {
        void operator()(cJSON* root) const { cJSON_Delete(root); }
    };
    std::unique_ptr<cJSON, Deleter> root_;
};

}  // namespace pganalytics::gateway
