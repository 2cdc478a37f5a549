#include "gateway/process/answers.hpp"

#include "http/problem.hpp"

namespace pganalytics::gateway {

http::Response Unavailable(std::string_view detail, unsigned retry_after_s) {
    return http::Problem(http::ProblemDetails{503, std::string(detail), "", "", retry_after_s});
}

http::Response RefusalOf(const core::Error& error) {
    if (error.status == 0) return {0, "", "", {}};
    if (error.status == 503) return Unavailable(error.message);
    return http::Problem(http::ProblemDetails{error.status, error.message, error.path, "", 0});
}

std::optional<http::Response> Unanswered(WorkerAnswer answer) {
    switch (answer) {
        case WorkerAnswer::kAnswered:
            return std::nullopt;
        case WorkerAnswer::kTimedOut:
            return Unavailable("the worker has not answered in time");
        case WorkerAnswer::kRefused:
            return Unavailable("the server is shutting down");
    }
    return std::nullopt;
}

}  // namespace pganalytics::gateway
