// Reads certificate and key, and computes the renewal time.
#include "collector/life/identity.hpp"

#include <openssl/pem.h>

#include "pki/client_certificate.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::collector {
namespace {

// NoPassphrase gives no passphrase. Without this callback OpenSSL would ask for a passphrase at the
// terminal, where nobody answers.
int NoPassphrase(char*, int, int, void*) { return -1; }

pki::BioPtr Reading(std::string_view pem) {
    return pki::BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

core::TimestampMicros Micros(int64_t unix_seconds) {
    return (unix_seconds - core::kPostgresEpochUnixSeconds) * 1000000;
}

constexpr std::string_view kReceived = "Received: ";

core::TimestampMicros ReceivedOf(std::string_view pem) {
    if (!pem.starts_with(kReceived)) return 0;
    pem.remove_prefix(kReceived.size());
    return core::ParseTimestamp(pem.substr(0, pem.find('\n'))).value_or(0);
}

}  // namespace

core::Result<Identity> ParseIdentity(std::string_view pem) {
    const pki::BioPtr certificates = Reading(pem);
    const pki::CertPtr certificate(
        certificates ? PEM_read_bio_X509(certificates.get(), nullptr, &NoPassphrase, nullptr)
                     : nullptr);
    if (certificate == nullptr) {
        pki::OpensslError();
        return core::Error{"holds no certificate in PEM"};
    }
    const pki::BioPtr keys = Reading(pem);
    const pki::KeyPtr key(
        keys ? PEM_read_bio_PrivateKey(keys.get(), nullptr, &NoPassphrase, nullptr) : nullptr);
    const bool belongs =
        key != nullptr && X509_check_private_key(certificate.get(), key.get()) == 1;
    pki::OpensslError();
    if (key == nullptr) return core::Error{"holds no private key in PEM"};
    if (!belongs) return core::Error{"holds a key that is not that of its certificate"};

    auto read = pki::ReadClientCertificate(certificate.get(), nullptr);
    if (!read) return core::Error{"holds no certificate of a collector: " + read.error().message};
    return Identity{read->collector_id,      read->serial,    Micros(read->not_before),
                    Micros(read->not_after), ReceivedOf(pem), std::string(pem)};
}

std::string ReceivedLine(core::TimestampMicros now) {
    return std::string(kReceived) + core::FormatTimestamp(now) + "\n";
}

bool IsRenewalDue(const Identity& identity, core::TimestampMicros now) {
    const core::TimestampMicros since = now - identity.received;
    const core::TimestampMicros life = identity.not_after - identity.not_before;
    const bool known = identity.received != 0 && since >= 0;
    if (known && since < life / 20) return false;
    const core::TimestampMicros at = RenewAt(identity);
    return now >= at || (known && since >= at - identity.not_before);
}

core::TimestampMicros RenewAt(const Identity& identity) {
    const core::TimestampMicros life = identity.not_after - identity.not_before;
    const double later =
        static_cast<double>(life) / 20 * Spread(core::FormatUuid(identity.collector_id));
    return identity.not_after - life / 3 + static_cast<core::TimestampMicros>(later);
}

double Spread(std::string_view id) {
    // This is FNV-1a, because the result of std::hash may differ between builds.
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    // In FNV-1a the last byte hardly affects the upper bits, but the result uses only the upper
    // bits. So add the final step of MurmurHash3, which spreads each byte over all bits.
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
    hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53u;
    return static_cast<double>((hash ^ (hash >> 33)) >> 16) /
           static_cast<double>(uint64_t{1} << 48);
}

}  // namespace pganalytics::collector
