// Problem: why a request was refused, as a document of RFC 9457.
#pragma once

#include <string>
#include <string_view>

#include "http/response.hpp"

namespace pganalytics::http {

// ProblemDetails has the values of a document. The document repeats some of them as `code`,
// `message` and `details`, because clients of the v3 server read these.
struct ProblemDetails {
    int status = 500;
    std::string detail;    // one sentence for a person
    std::string path;      // JSON path of the value at fault, "" if there is none
    std::string sqlstate;  // of the error that PostgreSQL gave, "" if there is none
    unsigned retry_after_s = 0;
};

// Problem makes the response. If retry_after_s is above 0, the response has a Retry-After header
// (RFC 9110 section 10.2.3).
Response Problem(const ProblemDetails& details);
Response Problem(int status, std::string_view detail);

}  // namespace pganalytics::http
