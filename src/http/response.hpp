// Response: a handler's answer, and its bytes on the wire.
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
    bool close = false;   // close the connection after this answer
    bool secret = false;  // the body holds a key or token: overwrite it once sent
};

// JsonResponse makes a response from a JSON document.
Response JsonResponse(int status, std::string body);

// ReasonPhrase returns the phrase of a status code (RFC 9110 section 15), or "" for a status that
// this server never sends.
std::string_view ReasonPhrase(int status);

// Serialize writes an HTTP/1.1 response. `head_only` leaves out the body but keeps its length, as
// HEAD requires; `date` is an IMF-fixdate (RFC 9110 section 5.6.7).
std::string Serialize(const Response& response, bool close, bool head_only, std::string_view date);

// HttpDate writes a Unix time as IMF-fixdate.
std::string HttpDate(long long unix_seconds);

}  // namespace pganalytics::http
