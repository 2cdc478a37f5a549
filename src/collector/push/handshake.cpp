#include "collector/push/handshake.hpp"

#include <openssl/ssl.h>

#include <ctime>

#include "core/text.hpp"

namespace pganalytics::collector {
namespace {

Handshake* NotesOf(const SSL* ssl) {
    return static_cast<Handshake*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

core::TimestampMicros TimeOf(const ASN1_TIME* time) {
    tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
    return (static_cast<int64_t>(timegm(&parts)) - core::kPostgresEpochUnixSeconds) * 1000000;
}

// IsAboutSender: the alert is one by which a server refuses our certificate (RFC 8446 section 6.2).
bool IsAboutSender(int alert) {
    switch (alert) {
        case SSL_AD_BAD_CERTIFICATE:
        case SSL_AD_UNSUPPORTED_CERTIFICATE:
        case SSL_AD_CERTIFICATE_REVOKED:
        case SSL_AD_CERTIFICATE_EXPIRED:
        case SSL_AD_CERTIFICATE_UNKNOWN:
        case SSL_AD_UNKNOWN_CA:
        case SSL_AD_CERTIFICATE_REQUIRED:
            return true;
        default:
            return false;
    }
}

}  // namespace

CURLcode Handshake::OnContext(CURL*, void* context, void* notes) {
    auto* const ctx = static_cast<SSL_CTX*>(context);
    SSL_CTX_set_app_data(ctx, notes);
    SSL_CTX_set_info_callback(ctx, [](const SSL* ssl, int where, int value) {
        if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT) NotesOf(ssl)->alert_ = value & 0xff;
    });
    SSL_CTX_set_msg_callback(ctx, [](int sent, int, int, const void*, size_t, SSL* ssl, void*) {
        if (sent == 0) NotesOf(ssl)->received_ = true;
    });
    SSL_CTX_set_verify(ctx, SSL_CTX_get_verify_mode(ctx), [](int good, X509_STORE_CTX* store) {
        const int error = X509_STORE_CTX_get_error(store);
        if (error == X509_V_ERR_CERT_NOT_YET_VALID || error == X509_V_ERR_CERT_HAS_EXPIRED) {
            Handshake* here = NotesOf(static_cast<const SSL*>(
                X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx())));
            const X509* certificate = X509_STORE_CTX_get_current_cert(store);
            here->wrong_time_ = true;
            here->not_before_ = TimeOf(X509_get0_notBefore(certificate));
            here->not_after_ = TimeOf(X509_get0_notAfter(certificate));
        }
        return good;
    });
    return CURLE_OK;
}

void Handshake::Watch(CURL* easy) {
    *this = Handshake();
    if (curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, &OnContext) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, static_cast<void*>(this)) != CURLE_OK) {
        throw std::bad_alloc();
    }
}

NoAnswer Handshake::WhyOf(CURLcode outcome) const {
    switch (outcome) {
        case CURLE_PEER_FAILED_VERIFICATION:
            if (wrong_time_) return NoAnswer::kServerOutOfTime;
            [[fallthrough]];
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
            return NoAnswer::kServerUnverified;
        case CURLE_SSL_CONNECT_ERROR:
            // A PostgreSQL of version 17 and up speaks TLS at once, but not HTTP in it.
            if (alert_ == SSL_AD_NO_APPLICATION_PROTOCOL) return NoAnswer::kOtherProtocol;
            if (IsAboutSender(alert_)) return NoAnswer::kSenderRefused;
            if (alert_ >= 0) return NoAnswer::kOther;
            return received_ ? NoAnswer::kNoTls : NoAnswer::kClosedAtOnce;
        default:
            return IsAboutSender(alert_) ? NoAnswer::kSenderRefused : NoAnswer::kOther;
    }
}

std::string Handshake::Period() const {
    return core::FormatTimestamp(not_before_) + " to " + core::FormatTimestamp(not_after_);
}

}  // namespace pganalytics::collector
