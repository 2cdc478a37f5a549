// Identity: the collector's own certificate with its key, and when to renew it.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"
#include "core/text.hpp"
#include "core/types.hpp"

namespace pganalytics::collector {

struct Identity {
    core::Uuid collector_id;  // from its urn:uuid: name
    std::string serial;       // lower-case hex
    core::TimestampMicros not_before = 0;
    core::TimestampMicros not_after = 0;
    core::TimestampMicros received = 0;  // when it arrived, by this host's clock; 0: unknown
    std::string pem;                     // the whole file: a secret, never printed

    friend bool operator==(const Identity&, const Identity&) = default;
};

// ParseIdentity reads a certificate, the chain up to its authority, and its key, all in PEM. A line
// written by ReceivedLine may come before them. No error message contains the key. Errors:
//   There is no certificate.
//   There is no key, or the key does not match the certificate.
//   pki::CollectorOf does not accept the certificate as a collector's.
core::Result<Identity> ParseIdentity(std::string_view pem);

// RenewAt returns the time to renew a certificate. It is two thirds of the validity period after
// not_before, plus up to a twentieth of the period. This addition is computed from the collector's
// id. So collectors that were enrolled in the same minute renew at different times, spread over a
// day and a half if the period is thirty days (the default). A restart does not change the time.
core::TimestampMicros RenewAt(const Identity& identity);

// ReceivedLine returns the line that states when a certificate arrived; PEM readers ignore it.
std::string ReceivedLine(core::TimestampMicros now);

// IsRenewalDue is true if RenewAt has passed by our clock. If `received` is known, two more rules
// help against a wrong clock:
//   If our clock is behind the server's, RenewAt would come too late. So the renewal is also due
//     when as much time has passed since the arrival as lies between not_before and RenewAt.
//   If our clock is ahead, a new certificate looks old at once. So the renewal is not due for a
//     twentieth of the validity period after the arrival.
bool IsRenewalDue(const Identity& identity, core::TimestampMicros now);

// Spread maps an id to a number in [0, 1), the same on every machine and in every version.
double Spread(std::string_view id);

}  // namespace pganalytics::collector
