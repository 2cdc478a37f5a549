// Response: what a handler answers, and its bytes on the wire.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pganalytics::http {

struct Response {
    int status = 200;
    std::string content_type;  // "" when there is no body
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    bool close = false;   // the connection ends with this answer
    bool secret = false;  // a key or a token is in it: its memory is wiped when it has been sent
};

// JsonResponse wraps a JSON document.
Response JsonResponse(int status, std::string body);

// ReasonPhrase of the status codes used here (RFC 9110 section 15), "" for others.
std::string_view ReasonPhrase(int status);

// Serialize writes an HTTP/1.1 response. `head_only` leaves the body out but not its length, as
// HEAD wants it; `date` is an IMF-fixdate (RFC 9110 section 5.6.7).
std::string Serialize(const Response& response, bool close, bool head_only, std::string_view date);

// HttpDate writes a Unix time as IMF-fixdate.
std::string HttpDate(long long unix_seconds);

}  // namespace pganalytics::http
