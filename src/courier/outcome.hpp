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

// OfHttpStatus returns kSent for 2xx, kAgain for 408, 425, 429 and 5xx, and kDead for everything
// else. 3xx is kDead, because a redirect could lead anywhere and the courier never follows one.
protocol::DeliveryOutcome OfHttpStatus(uint32_t status);

// OfSmtpReply returns kSent for 2xx, kDead for 5xx (RFC 5321 section 4.2.1), and kAgain for
// everything else.
protocol::DeliveryOutcome OfSmtpReply(uint32_t reply);

// RetryAfter returns `seconds`, the delay that a receiver asks for, but at least 0 and at most
// kMaxRetryAfterS.
uint32_t RetryAfter(int64_t seconds);

// Printable makes bytes from outside safe for a log: the result is printable ASCII, one line, at
// most `max_bytes` long.
std::string Printable(std::string_view bytes, size_t max_bytes);

}  // namespace pganalytics::courier
