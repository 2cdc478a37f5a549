#include "gateway/identity/authorize.hpp"

#include <algorithm>
#include <chrono>

#include "core/text.hpp"
#include "gateway/process/answers.hpp"
#include "gateway/process/header_text.hpp"
#include "http/problem.hpp"
#include "protocol/token_text.hpp"

namespace pganalytics::gateway {
namespace {

using core::Error;
using core::Status;
using core::Unit;
using http::Access;
using http::Response;
using http::Task;
using protocol::Credential;
using protocol::RefusalKind;

int64_t UnixNow() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

}  // namespace

std::string_view BearerToken(std::string_view authorization) {
    constexpr std::string_view kScheme = "Bearer ";
    if (!EqualsIgnoringCase(authorization.substr(0, kScheme.size()), kScheme)) return {};
    const std::string_view token = Trim(authorization.substr(kScheme.size()));
    const bool printable =
        std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7F; });
    return printable && token.size() <= pki::kMaxTokenBytes ? token : std::string_view{};
}

Caller& Authorizer::CallerOf(http::Exchange& exchange) {
    auto& memo = exchange.memo();
    if (memo == nullptr) memo = std::make_unique<Caller>();
    return static_cast<Caller&>(*memo);
}

const core::Uuid& Authorizer::SubjectOf(http::Exchange& exchange) {
    const Caller& caller = CallerOf(exchange);
    if (caller.version != 0) return caller.collector_id;
    const Credential& shown = caller.credential;
    return protocol::IsZero(shown.certificate_subject) ? shown.token_subject
                                                       : shown.certificate_subject;
}

Response Authorizer::Refusal(http::Exchange& exchange, std::string_view detail) {
    Response refusal = http::Problem(403, detail);
    refusal.close = exchange.stream().Peer() != nullptr || exchange.stream().ShowedForeign();
    return refusal;
}

Task<std::optional<Response>> Authorizer::Authorize(http::Exchange& exchange,
                                                    const http::Route& route) {
    const Access access = route.access;
    Credential credential;
    RefusalKind kind = RefusalKind::kNothingShown;
    const Status read = ReadCredential(exchange, access, &credential, &kind);
    if (!read) {
        CallerOf(exchange).Forget();
        const bool certified = !protocol::IsZero(credential.certificate_subject);
        refusals_.Add(kind, exchange.client(),
                      certified ? credential.certificate_subject : credential.token_subject,
                      RouteName(route));
        co_return Refusal(exchange, read.error().message);
    }
    Caller& caller = CallerOf(exchange);
    const bool known = caller.version == identity_.version() && caller.credential == credential;
    if (known && access == Access::kCollector) co_return std::nullopt;
    caller.Forget();
    caller.credential = credential;
    // If the token has expired, let the handler of the refresh route decide about it. For any other
    // credential, ask the worker now, before the body is read.
    const bool expired =
        credential.token_expires_at != 0 && credential.token_expires_at <= UnixNow();
    if (access == Access::kCollectorGrace && expired) co_return std::nullopt;
    co_return co_await AskWorker(exchange, credential);
}

Status Authorizer::ReadCredential(http::Exchange& exchange, Access access, Credential* credential,
                                  RefusalKind* kind) {
    credential->address = exchange.client();
    if (Status read = ReadCertificate(exchange, credential, kind); !read) return read;
    const bool certified = !protocol::IsZero(credential->certificate_sha256);
    if (!certified && mtls_ == protocol::Mtls::kRequired) {
        return Error{"a client certificate is needed", 403};
    }
    if (exchange.request().HasHeader("Authorization")) {
        const std::string_view token = BearerToken(exchange.request().Header("Authorization"));
        if (token.empty()) return Error{"a bearer token is needed", 403};
        if (Status read = ReadToken(token, access, credential, kind); !read) return read;
    } else if (!certified) {
        return Error{mtls_ == protocol::Mtls::kOff
                         ? "a bearer token is needed"
                         : "a bearer token or a client certificate is needed",
                     403};
    }
    if (certified && !protocol::IsZero(credential->token_subject) &&
        credential->token_subject != credential->certificate_subject) {
        *kind = RefusalKind::kTokenMismatch;
        return Error{"the token and the certificate are of different collectors", 403};
    }
    return Unit{};
}

// ReadCertificate checks the client certificate again at every request, because it may have expired
// or been revoked since the handshake.
Status Authorizer::ReadCertificate(http::Exchange& exchange, Credential* credential,
                                   RefusalKind* kind) {
    if (exchange.stream().ShowedForeign()) {
        // A good token does not make up for it: every credential that is shown must be good.
        *kind = RefusalKind::kCertificateForged;
        return Error{"the client certificate was not issued by an authority of this server", 403};
    }
    X509* const peer = exchange.stream().Peer();
    if (peer == nullptr) return Unit{};
    std::optional<pki::ClientCertificate>& certificate = CallerOf(exchange).certificate;
    if (!certificate) {
        auto read = pki::ReadClientCertificate(peer, exchange.stream().Issuer());
        if (!read) {
            *kind = RefusalKind::kCertificateForged;
            return read.error();
        }
        certificate = std::move(*read);
    }
    credential->certificate_sha256 = certificate->sha256;
    credential->spki_sha256 = certificate->spki_sha256;
    credential->certificate_subject = certificate->collector_id;
    if (identity_.IsRevoked(certificate->sha256)) {
        *kind = RefusalKind::kCertificateRevoked;
        return Error{"the client certificate is revoked", 403};
    }
    if (certificate->not_after < UnixNow()) {
        *kind = RefusalKind::kCertificateExpired;
        return Error{"the client certificate has expired", 403};
    }
    return Unit{};
}

Status Authorizer::ReadToken(std::string_view token, Access access, Credential* credential,
                             RefusalKind* kind) const {
    if (!pki::LooksSigned(token)) {
        credential->token_sha256 = pki::Sha256Of(token);
        return Unit{};
    }
    const auto expired = access == Access::kCollectorGrace ? pki::TokenVerifier::Expired::kAccept
                                                           : pki::TokenVerifier::Expired::kRefuse;
    const auto claims =
        identity_.tokens().Verify(token, protocol::kCollectorAudience, UnixNow(), expired);
    if (!claims) {
        *kind = claims.error().kind == core::ErrorKind::kExpired ? RefusalKind::kTokenExpired
                                                                 : RefusalKind::kTokenForged;
        return claims.error();
    }
    const auto subject = core::ParseUuid(claims->subject);
    if (!subject || core::FormatUuid(*subject) != claims->subject || protocol::IsZero(*subject)) {
        *kind = RefusalKind::kTokenForged;
        return Error{"the token names no collector", 403};
    }
    credential->token_subject = *subject;
    // If the request shows no certificate, certificate_sha256 is zero. Refuse a bound token then,
    // even one that is bound to the digest zero.
    if (claims->certificate && (protocol::IsZero(credential->certificate_sha256) ||
                                *claims->certificate != credential->certificate_sha256)) {
        *kind = RefusalKind::kTokenNotBound;
        return Error{"the token is bound to a certificate that this request does not show", 403};
    }
    credential->token_id = claims->id;
    credential->token_issued_at = claims->issued_at;
    credential->token_expires_at = claims->expires_at;
    return Unit{};
}

Task<std::optional<Response>> Authorizer::AskWorker(http::Exchange& exchange,
                                                    const Credential& credential) {
    Caller& caller = CallerOf(exchange);
    // Keep the version from before the question: if the identity changes while the worker answers,
    // the old version makes the next request ask again.
    const uint64_t version = identity_.version();
    protocol::AuthRequest request;
    request.credential = credential;
    if (caller.certificate) {
        request.not_before = caller.certificate->not_before;
        request.not_after = caller.certificate->not_after;
        request.serial = caller.certificate->serial;
        request.issuer = caller.certificate->issuer;
        request.subject = caller.certificate->subject;
        request.certificate = caller.certificate->der;
    }
    Answer<protocol::AuthReply> answer;
    const WorkerAnswer result = co_await link_.Ask<protocol::FrameType::kAuthReply>(
        protocol::FrameType::kAuthRequest, request, &answer);
    if (result == WorkerAnswer::kTimedOut) {
        log_.Line(Log::Kind::kWorker, true, "the worker has not said who sends a request");
    }
    if (auto unanswered = Unanswered(result)) co_return unanswered;
    const protocol::AuthReply& reply = answer.message;
    if (reply.status == 403) {
        co_return Refusal(exchange, reply.message.empty() ? "access is refused" : reply.message);
    }
    if (reply.status != 200) {
        co_return RefusalOf(Error{std::string(reply.message), static_cast<int>(reply.status)});
    }
    caller.collector_id = reply.collector_id;
    caller.max_queries_per_db = reply.max_queries_per_db;
    caller.version = version;
    co_return std::nullopt;
}

}  // namespace pganalytics::gateway
