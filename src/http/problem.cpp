#include "http/problem.hpp"

#include "core/json_writer.hpp"

namespace pganalytics::http {

Response Problem(const ProblemDetails& details) {
    const std::string_view title = ReasonPhrase(details.status);
    core::JsonWriter json;
    json.BeginObject();
    json.Member("type", "about:blank");
    json.Member("title", title);
    json.Member("status", details.status);
    json.Member("detail", details.detail);
    if (!details.path.empty()) json.Member("path", details.path);
    if (!details.sqlstate.empty()) json.Member("sqlstate", details.sqlstate);
    json.Member("code", details.status);
    json.Member("message", title);
    json.Member("details", details.detail);
    json.EndObject();
    Response response{details.status, "application/problem+json", json.text(), {}};
    if (details.retry_after_s > 0) {
        response.headers.emplace_back("Retry-After", std::to_string(details.retry_after_s));
    }
    return response;
}

Response Problem(int status, std::string_view detail) {
    return Problem(ProblemDetails{status, std::string(detail), "", "", 0});
}

}  // namespace pganalytics::http
