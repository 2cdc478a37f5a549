// Reads certificate and key, and computes the time of renewal.
#include "collector/identity.hpp"

#include <openssl/pem.h>

#include "pki/client_certificate.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::collector {
namespace {

// NoPassphrase: there is nobody to ask, and OpenSSL would ask the terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

pki::BioPtr Reading(std::string_view pem) {
    return pki::BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

core::TimestampMicros Micros(int64_t unix_seconds) {
    return (unix_seconds - core::kPostgresEpochUnixSeconds) * 1000000;
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
    return Identity{read->collector_id, read->serial, Micros(read->not_before),
                    Micros(read->not_after), std::string(pem)};
}

core::TimestampMicros RenewAt(const Identity& identity) {
    const core::TimestampMicros life = identity.not_after - identity.not_before;
    const double later =
        static_cast<double>(life) / 20 * Spread(core::FormatUuid(identity.collector_id));
    return identity.not_after - life / 3 + static_cast<core::TimestampMicros>(later);
}

double Spread(std::string_view id) {
    // FNV-1a: std::hash promises nothing from one build to the next.
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    // A byte at the end changes few of the upper bits; MurmurHash3's last step spreads it.
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
    hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53u;
    return static_cast<double>((hash ^ (hash >> 33)) >> 16) /
           static_cast<double>(uint64_t{1} << 48);
}

}  // namespace pganalytics::collector
