#include "gateway/client_check.hpp"

#include "pki/client_certificate.hpp"

namespace pganalytics::gateway {
namespace {

int Refuse(Log& log, int verdict, const std::string& why) {
    log.Line(Log::Kind::kCertificates, true, "client certificate refused: " + why);
    return verdict;
}

}  // namespace

http::PeerCheck MakeClientCheck(const IdentityState& identity, Log& log) {
    return [&identity, &log](X509* certificate, int depth, int verdict) {
        if (verdict != X509_V_OK) {
            return Refuse(log, verdict, X509_verify_cert_error_string(verdict));
        }
        if (const auto strong = pki::CheckStrength(certificate); !strong) {
            return Refuse(log,
                          depth == 0 ? X509_V_ERR_EE_KEY_TOO_SMALL : X509_V_ERR_CA_KEY_TOO_SMALL,
                          strong.error().message);
        }
        if (depth != 0) return X509_V_OK;
        if (const auto collector = pki::CollectorOf(certificate); !collector) {
            return Refuse(log, X509_V_ERR_INVALID_PURPOSE, collector.error().message);
        }
        if (identity.IsRevoked(pki::CertificateSha256(certificate))) {
            return Refuse(log, X509_V_ERR_CERT_REVOKED, "it is revoked");
        }
        return X509_V_OK;
    };
}

}  // namespace pganalytics::gateway
