// Answers: responses that all services of the gateway give in the same way.
#pragma once

#include <optional>
#include <string_view>

#include "core/result.hpp"
#include "gateway/process/worker_link.hpp"
#include "http/response.hpp"

namespace pganalytics::gateway {

// Unavailable makes a 503 response with Retry-After: the client may retry the same request.
http::Response Unavailable(std::string_view detail, unsigned retry_after_s = 5);

// RefusalOf turns an error into a problem document. For status 503 it adds Retry-After, as
// Unavailable does. Status 0 means that the client is gone: the response is then empty and is not
// sent.
http::Response RefusalOf(const core::Error& error);

// Unanswered makes the 503 response for a request that the worker has not answered. It returns
// std::nullopt for kAnswered.
std::optional<http::Response> Unanswered(WorkerAnswer answer);

}  // namespace pganalytics::gateway
