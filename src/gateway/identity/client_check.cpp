#include "gateway/identity/client_check.hpp"

#include "pki/client_certificate.hpp"

namespace pganalytics::gateway {
namespace {

using protocol::RefusalKind;

RefusalKind KindOf(int verdict) {
    switch (verdict) {
        case X509_V_ERR_CERT_REVOKED:
            return RefusalKind::kCertificateRevoked;
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return RefusalKind::kCertificateExpired;
        case X509_V_ERR_UNABLE_TO_GET_CRL:
        case X509_V_ERR_CRL_HAS_EXPIRED:
        case X509_V_ERR_CRL_NOT_YET_VALID:
            return RefusalKind::kCertificateUnchecked;
        default:
            return RefusalKind::kCertificateForged;
    }
}

// Fits checks the purpose of a certificate and, on the collectors' port, its name. On the port for
// people, a program that scrapes metrics may have any name.
core::Status Fits(protocol::GatewayRole role, X509* certificate) {
    if (role == protocol::GatewayRole::kApi) return pki::CheckClient(certificate);
    const auto collector = pki::CollectorOf(certificate);
    if (!collector) return collector.error();
    return core::Unit{};
}

}  // namespace

http::PeerCheck MakeClientCheck(const protocol::GatewayConfig& config,
                                const IdentityState& identity, Log& log, Refusals& refusals) {
    const bool none_is_allowed = config.role == protocol::GatewayRole::kCollectors &&
                                 config.mtls != protocol::Mtls::kRequired;
    return [&, none_is_allowed](X509* certificate, int depth, int verdict,
                                const core::Address& client) {
        if (verdict == http::kForeign && none_is_allowed) {
            char address[core::kAddressTextBytes];
            core::FormatAddress(client, address);
            log.Line(Log::Kind::kCertificates, true,
                     std::string("client ") + address +
                         " shows a certificate that was not issued here; it counts as none (a v3 "
                         "collector keeps the one of its old server in collector.crt and "
                         "collector.key)");
            return http::kForeign;
        }
        const auto refuse = [&](int why, const std::string& reason) {
            log.Line(Log::Kind::kCertificates, true, "client certificate refused: " + reason);
            refusals.Add(KindOf(why), client);
            return why;
        };
        if (verdict == http::kForeign) {
            return refuse(X509_V_ERR_CERT_UNTRUSTED, "it was not issued here");
        }
        if (verdict != X509_V_OK) return refuse(verdict, X509_verify_cert_error_string(verdict));
        if (const auto strong = pki::CheckStrength(certificate); !strong) {
            return refuse(depth == 0 ? X509_V_ERR_EE_KEY_TOO_SMALL : X509_V_ERR_CA_KEY_TOO_SMALL,
                          strong.error().message);
        }
        if (depth != 0) return X509_V_OK;
        if (const core::Status fit = Fits(config.role, certificate); !fit) {
            return refuse(X509_V_ERR_INVALID_PURPOSE, fit.error().message);
        }
        if (identity.IsRevoked(pki::CertificateSha256(certificate))) {
            return refuse(X509_V_ERR_CERT_REVOKED, "it is revoked");
        }
        return X509_V_OK;
    };
}

}  // namespace pganalytics::gateway
