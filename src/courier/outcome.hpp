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

// OfHttpStatus: 2xx is kSent; 408, 425, 429 and 5xx are kAgain; everything else is kDead. 3xx is
// kDead too: a redirect could lead anywhere, so the courier never follows one.
protocol::DeliveryOutcome OfHttpStatus(uint32_t status);

// OfSmtpReply: 2xx is kSent, 5xx is kDead (RFC 5321 section 4.2.1), everything else is kAgain.
protocol::DeliveryOutcome OfSmtpReply(uint32_t reply);

// RetryAfter cuts the delay that a receiver asks for to kMaxRetryAfterS; both are in seconds.
uint32_t RetryAfter(int64_t seconds);

// Printable makes bytes from outside safe for a log: the result is printable ASCII, one line, at
// most `max_bytes` long.
std::string Printable(std::string_view bytes, size_t max_bytes);

}  // namespace pganalytics::courier
