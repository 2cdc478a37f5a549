// Answers: responses that every service of the gateway gives alike.
#pragma once

#include <optional>
#include <string_view>

#include "core/result.hpp"
#include "gateway/process/worker_link.hpp"
#include "http/response.hpp"

namespace pganalytics::gateway {

// Unavailable is 503 with Retry-After: come again with the same.
http::Response Unavailable(std::string_view detail, unsigned retry_after_s = 5);

// RefusalOf makes a problem document of an error; with 503 as Unavailable. Status 0, the client is
// gone: no answer.
http::Response RefusalOf(const core::Error& error);

// Unanswered is the answer where the worker gave none, nothing for kAnswered.
std::optional<http::Response> Unanswered(WorkerAnswer answer);

}  // namespace pganalytics::gateway
