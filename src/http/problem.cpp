#include "http/problem.hpp"

#include <cjson/cJSON.h>

#include <memory>
#include <new>

namespace pganalytics::http {

Response Problem(const ProblemDetails& details) {
    const std::unique_ptr<cJSON, decltype(&cJSON_Delete)> root(cJSON_CreateObject(), &cJSON_Delete);
    const std::string title(ReasonPhrase(details.status));
    cJSON_AddStringToObject(root.get(), "type", "about:blank");
    cJSON_AddStringToObject(root.get(), "title", title.c_str());
    cJSON_AddNumberToObject(root.get(), "status", details.status);
    cJSON_AddStringToObject(root.get(), "detail", details.detail.c_str());
    if (!details.path.empty()) cJSON_AddStringToObject(root.get(), "path", details.path.c_str());
    if (!details.sqlstate.empty()) {
        cJSON_AddStringToObject(root.get(), "sqlstate", details.sqlstate.c_str());
    }
    cJSON_AddNumberToObject(root.get(), "code", details.status);
    cJSON_AddStringToObject(root.get(), "message", title.c_str());
    cJSON_AddStringToObject(root.get(), "details", details.detail.c_str());
    const std::unique_ptr<char, decltype(&cJSON_free)> text(cJSON_PrintUnformatted(root.get()),
                                                            &cJSON_free);
    if (text == nullptr) throw std::bad_alloc();
    Response response{details.status, "application/problem+json", std::string(text.get()), {}};
    if (details.retry_after_s > 0) {
        response.headers.emplace_back("Retry-After", std::to_string(details.retry_after_s));
    }
    return response;
}

Response Problem(int status, std::string_view detail) {
    return Problem(ProblemDetails{status, std::string(detail), "", "", 0});
}

}  // namespace pganalytics::http
