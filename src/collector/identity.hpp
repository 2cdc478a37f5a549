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
    std::string pem;  // certificates, then the key: a secret, never printed

    friend bool operator==(const Identity&, const Identity&) = default;
};

// ParseIdentity reads a certificate, the certificates up to its authority, and its key, all in PEM.
// Errors: no certificate, no key or one that does not belong to the certificate, a certificate
// that pki::CollectorOf does not take for a collector's. No message holds the key.
core::Result<Identity> ParseIdentity(std::string_view pem);

// RenewAt is when a certificate is to be renewed: when a third of its life is left, and up to a
// twentieth of its life later, by the collector's id. A fleet that was enrolled in one minute is so
// spread over a day and a half of the default thirty, and a restart changes nobody's place.
core::TimestampMicros RenewAt(const Identity& identity);

// Spread maps an id to [0, 1), the same on every machine and in every version.
double Spread(std::string_view id);

}  // namespace pganalytics::collector
