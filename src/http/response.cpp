#include "http/response.hpp"

#include <cstdio>
#include <ctime>

namespace pganalytics::http {
namespace {

// Every answer, even a refusal, has these fields, because no answer is a web page and none may be
// cached or framed. No field names the software.
constexpr std::string_view kAlways =
    "\r\nCache-Control: no-store"
    "\r\nContent-Security-Policy: default-src 'none'; frame-ancestors 'none'"
    "\r\nReferrer-Policy: no-referrer"
    "\r\nStrict-Transport-Security: max-age=31536000"
    "\r\nX-Content-Type-Options: nosniff";

}  // namespace

Response JsonResponse(int status, std::string body) {
    return {status, "application/json", std::move(body), {}};
}

std::string_view ReasonPhrase(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 413:
            return "Content Too Large";
        case 415:
            return "Unsupported Media Type";
        case 417:
            return "Expectation Failed";
        case 422:
            return "Unprocessable Content";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 503:
            return "Service Unavailable";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "";
    }
}

std::string Serialize(const Response& response, bool close, bool head_only, std::string_view date) {
    std::string out;
    out.reserve(512 + response.body.size());
    out += "HTTP/1.1 " + std::to_string(response.status) + " ";
    out += ReasonPhrase(response.status);
    out += "\r\nDate: ";
    out += date;
    if (!response.content_type.empty()) out += "\r\nContent-Type: " + response.content_type;
    out += "\r\nContent-Length: " + std::to_string(response.body.size());
    out += kAlways;
    for (const auto& [name, value] : response.headers) out += "\r\n" + name + ": " + value;
    if (close) out += "\r\nConnection: close";
    out += "\r\n\r\n";
    if (!head_only) out += response.body;
    return out;
}

std::string HttpDate(long long unix_seconds) {
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const time_t time = unix_seconds;
    struct tm utc = {};
    gmtime_r(&time, &utc);
    char text[64];
    std::snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[utc.tm_wday],
                  utc.tm_mday, kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                  utc.tm_sec);
    return text;
}

}  // namespace pganalytics::http
