// Answer: the answer to a request, and what it means for the push.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "collector/push/backoff.hpp"

namespace pganalytics::collector {

// NoAnswer says why there was no answer.
//   kServerUnverified: the server's certificate or key is not the expected one, and we did not send
//     the request.
//   kServerOutOfTime: so, but only because the certificate is not good at this host's time.
//   kSenderRefused: the server did not accept our certificate.
//   kClosedAtOnce: the peer sent no byte before it closed the connection.
//   kNoTls: the peer's first bytes are no TLS.
//   kOtherProtocol: the peer speaks TLS, and another protocol than HTTP in it.
enum class NoAnswer {
    kOther,
    kServerUnverified,
    kServerOutOfTime,
    kSenderRefused,
    kClosedAtOnce,
    kNoTls,
    kOtherProtocol,
};

struct Answer {
    int status = 0;     // HTTP status, 0 when there was no answer
    std::string error;  // why there was no answer, for people
    std::string body;
    Millis retry_after{0};
    NoAnswer why = NoAnswer::kOther;
    // By how much this host's clock is ahead of the server's, to a second; empty if not known.
    std::optional<std::chrono::seconds> clock_ahead;
};

// Verdict: kStored only for 200, which means that the server has committed the push. kRefused: the
// server will never accept these bytes. kDenied (403): the server does not accept this sender now;
// an administrator may change that. kRetry: everything else, including network errors.
enum class Verdict { kStored, kRefused, kDenied, kRetry };
Verdict Judge(int status);

// kDeniedDelay is the minimum delay before a denied push is retried.
inline constexpr Millis kDeniedDelay{30000};

// Describe says in one line what went wrong. If there was no answer, it returns the error.
// Otherwise it returns the status, with title and detail of a problem document (RFC 9457) or with
// the start of any other body.
std::string Describe(const Answer& answer);

// Advice returns a remedy, beginning with "; ", if there is one: the server does not accept our
// identity, we cannot verify the server, a clock is wrong, or this is not the collectors' port.
std::string Advice(const Answer& answer);

// TrustVersion is the version of the server's trust document that a receipt names; std::nullopt if
// it names none.
std::optional<uint64_t> TrustVersion(const Answer& answer);

// Discarded says how many rows a receipt says were discarded, by reason: "too_old 2, in_future 1".
// It is empty if none were.
std::string Discarded(const Answer& answer);

}  // namespace pganalytics::collector
