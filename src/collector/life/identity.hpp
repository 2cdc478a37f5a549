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
// written by ReceivedLine may precede them. Errors: no certificate; no key, or one that does not
// match the certificate; a certificate that pki::CollectorOf does not accept as a collector's. No
// message contains the key.
core::Result<Identity> ParseIdentity(std::string_view pem);

// RenewAt is the time to renew a certificate. By then two thirds of its validity period have
// passed, plus up to a twentieth of the period, depending on the collector's id. So collectors that
// were enrolled in the same minute renew at different times, spread over a day and a half (of the
// default thirty days). A restart does not change the time.
core::TimestampMicros RenewAt(const Identity& identity);

// ReceivedLine returns the line that states when a certificate arrived; PEM readers ignore it.
std::string ReceivedLine(core::TimestampMicros now);

// IsRenewalDue is true if RenewAt has passed by our clock. Two more rules help if our clock is
// wrong. If our clock is behind the server's, RenewAt would come too late; so the renewal is also
// due when the certificate has been here longer than the time from not_before to RenewAt. If our
// clock is ahead, each new certificate looks old; so the renewal is never due within a twentieth of
// the validity period after arrival.
bool IsRenewalDue(const Identity& identity, core::TimestampMicros now);

// Spread maps an id to a number in [0, 1), the same on every machine and in every version.
double Spread(std::string_view id);

}  // namespace pganalytics::collector
