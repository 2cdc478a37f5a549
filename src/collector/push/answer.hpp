// Answer: what came back for a request, and what it means for the push.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "collector/push/backoff.hpp"

namespace pganalytics::collector {

// NoAnswer is why there was none. kServerUnverified: the server's certificate or key is not the
// expected one, and nothing was sent. kSenderRefused: the server did not accept our certificate.
enum class NoAnswer { kOther, kServerUnverified, kSenderRefused };

struct Answer {
    int status = 0;     // HTTP status, 0 when there was no answer
    std::string error;  // why there was none, for people
    std::string body;
    Millis retry_after{0};
    NoAnswer why = NoAnswer::kOther;
};

// Verdict: kStored only for 200, which means committed. kRefused: the same bytes will never be
// taken. kDenied: not from this sender, as things stand; an administrator may change that. kRetry:
// everything else, the network included.
enum class Verdict { kStored, kRefused, kDenied, kRetry };
Verdict Judge(int status);

// What is denied is asked again, but not sooner than this.
inline constexpr Millis kDeniedDelay{30000};

// Describe says in one line what went wrong: the error, or the status with title and detail of the
// problem document (RFC 9457), or the beginning of whatever else came.
std::string Describe(const Answer& answer);

// Advice says what to do about an answer, beginning with "; ", where the answer itself does not
// say: when the server does not accept who we are, or is not verified. "" otherwise.
std::string Advice(const Answer& answer);

// TrustVersion is what a receipt says of the server's trust document.
std::optional<uint64_t> TrustVersion(const Answer& answer);

// Discarded is how many rows the receipt says were not stored, 0 when it does not say.
uint64_t Discarded(const Answer& answer);

}  // namespace pganalytics::collector
