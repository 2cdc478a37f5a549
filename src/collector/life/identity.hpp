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
    core::TimestampMicros received = 0;  // by this host's clock; 0: unknown
    std::string pem;                     // the whole file: a secret, never printed

    friend bool operator==(const Identity&, const Identity&) = default;
};

// ParseIdentity reads a certificate, the chain up to its authority, and its key, all in PEM. A line
// written by ReceivedLine may precede them. Errors: no certificate; no key, or one that does not
// match the certificate; a certificate that pki::CollectorOf does not accept as a collector's. No
// message contains the key.
core::Result<Identity> ParseIdentity(std::string_view pem);

// RenewAt is the time to renew a certificate: when a third of its life is left, plus up to a
// twentieth of its life depending on the collector's id. Collectors that were enrolled in the same
// minute are thus spread over a day and a half of the default thirty, and a restart does not move
// any of them.
core::TimestampMicros RenewAt(const Identity& identity);

// ReceivedLine records when a certificate arrived; PEM readers ignore the line.
std::string ReceivedLine(core::TimestampMicros now);

// IsRenewalDue: RenewAt has passed. If our clock is behind the server's: as much time has passed
// since the certificate arrived. If our clock is ahead, each new certificate looks old, so it is
// never due within a twentieth of its life after arrival.
bool IsRenewalDue(const Identity& identity, core::TimestampMicros now);

// Spread maps an id to [0, 1), the same on every machine and in every version.
double Spread(std::string_view id);

}  // namespace pganalytics::collector
