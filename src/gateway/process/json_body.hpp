// JSON body: the small documents of requests that are no pushes: one object of strings.
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
    // Parse reads a body. Errors: 413 beyond kMaxSmallBodyBytes, 400 for what is not UTF-8, not one
    // JSON object and nothing behind it, or holds a key twice.
    static core::Result<JsonBody> Parse(std::string_view body);

    // Text gives a member that must be there, be a string and have 1 to max_bytes bytes. 422,
    // naming the member.
    core::Result<std::string> Text(const char* name, size_t max_bytes) const;
    // OptionalText is Text for a member that may be absent, null or "": it is then "".
    core::Result<std::string> OptionalText(const char* name, size_t max_bytes) const;

  private:
    struct Deleter {
        void operator()(cJSON* root) const { cJSON_Delete(root); }
    };
    std::unique_ptr<cJSON, Deleter> root_;
};

}  // namespace pganalytics::gateway
