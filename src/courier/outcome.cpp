#include "courier/outcome.hpp"

#include <algorithm>

namespace pganalytics::courier {

using protocol::DeliveryOutcome;

DeliveryOutcome OfHttpStatus(uint32_t status) {
    if (status >= 200 && status <= 299) return DeliveryOutcome::kSent;
    const bool later = status == 408 || status == 425 || status == 429 || status >= 500;
    return later ? DeliveryOutcome::kAgain : DeliveryOutcome::kDead;
}

DeliveryOutcome OfSmtpReply(uint32_t reply) {
    if (reply >= 200 && reply <= 299) return DeliveryOutcome::kSent;
    return reply >= 500 && reply <= 599 ? DeliveryOutcome::kDead : DeliveryOutcome::kAgain;
}

uint32_t RetryAfter(int64_t seconds) {
    return static_cast<uint32_t>(
        std::clamp<int64_t>(seconds, 0, int64_t{protocol::kMaxRetryAfterS}));
}

std::string Printable(std::string_view bytes, size_t max_bytes) {
    std::string text;
    bool space = false;
    for (const char c : bytes) {
        if (text.size() >= max_bytes) break;
        if (c == ' ' || (c >= '\t' && c <= '\r')) {
            space = true;
            continue;
        }
        if (space && !text.empty()) text += ' ';
        text += c > ' ' && c <= '~' ? c : '?';
        space = false;
    }
    if (text.size() > max_bytes) text.resize(max_bytes);
    return text;
}

}  // namespace pganalytics::courier
