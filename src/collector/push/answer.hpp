// Answer: the answer to a request, and what it means for the push.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "collector/push/backoff.hpp"

namespace pganalytics::collector {

// NoAnswer is why there was no answer. kServerUnverified: the server's certificate or key is not
// the expected one, and we sent nothing. kSenderRefused: the server did not accept our certificate.
enum class NoAnswer { kOther, kServerUnverified, kSenderRefused };

struct Answer {
    int status = 0;     // HTTP status, 0 when there was no answer
    std::string error;  // why there was no answer, for people
    std::string body;
    Millis retry_after{0};
    NoAnswer why = NoAnswer::kOther;
};

// Verdict: kStored only for 200, which means committed. kRefused: the server will never accept
// these bytes. kDenied: the server does not accept this sender now; an administrator may change
// that. kRetry: everything else, network errors included.
enum class Verdict { kStored, kRefused, kDenied, kRetry };
Verdict Judge(int status);

// A denied push is retried, but not sooner than this.
inline constexpr Millis kDeniedDelay{30000};

// Describe says in one line what went wrong: the error; or the status with title and detail of the
// problem document (RFC 9457); or the start of any other body.
std::string Describe(const Answer& answer);

// Advice gives a remedy, beginning with "; ", where the answer itself has none: the server does not
// accept our identity, or we cannot verify the server. "" otherwise.
std::string Advice(const Answer& answer);

// TrustVersion is the version of the server's trust document that a receipt names.
std::optional<uint64_t> TrustVersion(const Answer& answer);

// Discarded is how many rows were not stored according to the receipt; 0 if it does not say.
uint64_t Discarded(const Answer& answer);

}  // namespace pganalytics::collector
