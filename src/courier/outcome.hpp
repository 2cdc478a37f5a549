// Outcome: the result of a delivery, and what the answers of receivers mean.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/courier_messages.hpp"

namespace pganalytics::courier {

struct Outcome {
    protocol::DeliveryOutcome outcome = protocol::DeliveryOutcome::kAgain;
    uint32_t status = 0;
    uint32_t retry_after_s = 0;
    std::string message;
};

// OfHttpStatus: 2xx is sent; 408, 425, 429 and 5xx are retried; all else is dead, even 3xx: a
// redirect could lead anywhere and is never followed.
protocol::DeliveryOutcome OfHttpStatus(uint32_t status);

// OfSmtpReply: 2xx is sent, 5xx is dead (RFC 5321 section 4.2.1), all else is retried.
protocol::DeliveryOutcome OfSmtpReply(uint32_t reply);

// RetryAfter limits the delay that a receiver asks for, in seconds.
uint32_t RetryAfter(int64_t seconds);

// Printable makes a stranger's bytes safe for a log: printable ASCII, one line, at most `max_bytes`
// long.
std::string Printable(std::string_view bytes, size_t max_bytes);

}  // namespace pganalytics::courier
