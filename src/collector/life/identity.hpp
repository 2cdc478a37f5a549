// Identity: the collector's own certificate with its key, and when to renew it.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"
#include "core/text.hpp"
#include "core/types.hpp"

namespace pganalytics::collector {

struct Identity {
    core::Uuid collector_id;  // of its urn:uuid: name
    std::string serial;       // lower-case hex
    core::TimestampMicros not_before = 0;
    core::TimestampMicros not_after = 0;
    core::TimestampMicros received = 0;  // by this host's clock, 0 = not known
    std::string pem;                     // all of it as in the file: a secret, never printed

    friend bool operator==(const Identity&, const Identity&) = default;
};

// ParseIdentity reads a certificate, the certificates up to its authority, and its key, all in PEM,
// and before them the line that ReceivedLine writes, if it is there.
// Errors: no certificate, no key or one that does not belong to the certificate, a certificate
// that pki::CollectorOf does not take for a collector's. No message holds the key.
core::Result<Identity> ParseIdentity(std::string_view pem);

// RenewAt is when a certificate is to be renewed: when a third of its life is left, and up to a
// twentieth of its life later, by the collector's id. A fleet that was enrolled in one minute is so
// spread over a day and a half of the default thirty, and a restart changes nobody's place.
core::TimestampMicros RenewAt(const Identity& identity);

// ReceivedLine says when a certificate came; nothing that reads PEM minds it.
std::string ReceivedLine(core::TimestampMicros now);

// IsRenewalDue: RenewAt has come; or, for a clock that is behind the server's, as much time has
// passed since the certificate came. A clock that is ahead finds each new certificate old: so never
// within a twentieth of its life after it came.
bool IsRenewalDue(const Identity& identity, core::TimestampMicros now);

// Spread maps an id to [0, 1), the same on every machine and in every version.
double Spread(std::string_view id);

}  // namespace pganalytics::collector
