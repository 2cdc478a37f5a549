// Authorize: decides which collector sends a request. The gateway makes all checks of the
// certificate and of the token that need no database table. Then the worker says to which collector
// the certificate and the token belong now.
#pragma once

#include <optional>
#include <string_view>

#include "gateway/identity/identity_state.hpp"
#include "gateway/process/log.hpp"
#include "gateway/process/refusals.hpp"
#include "gateway/process/worker_link.hpp"
#include "http/router.hpp"
#include "pki/client_certificate.hpp"

namespace pganalytics::gateway {

// BearerToken returns the token of an Authorization header (RFC 6750 section 2.1). It returns "" if
// there is no valid token.
std::string_view BearerToken(std::string_view authorization);

// Caller is what a connection remembers about its client: the certificate, the last credential, and
// the collector to which the credential belongs.
struct Caller : http::ConnectionMemo {
    std::optional<pki::ClientCertificate> certificate;
    protocol::Credential credential;
    core::Uuid collector_id;
    uint32_t max_queries_per_db = 0;
    uint64_t version = 0;  // identity version when the worker was asked; 0: ask again

    // Forget makes the next request ask the worker again.
    void Forget() { version = 0; }
};

class Authorizer {
  public:
    // All arguments must outlive the authorizer.
    Authorizer(WorkerLink& link, Log& log, const IdentityState& identity, Refusals& refusals,
               protocol::Mtls mtls)
        : link_(link), log_(log), identity_(identity), refusals_(refusals), mtls_(mtls) {}

    // Authorize is the guard of the collectors' routes. If it admits the request, it returns
    // std::nullopt; otherwise it returns a response with 403 or 503.
    // kCollector: the result is cached. A credential that was admitted once on this connection is
    // admitted again without asking the worker, until the identity data changes. The transaction
    // that stores a push checks the credential again.
    // kCollectorGrace: if the token has expired, Authorize admits the request, and the handler
    // decides.
    // Authorize never returns 401. A v3 collector drops a push that gets 401. If its request for a
    // configuration gets 401, it retries without end.
    http::Task<std::optional<http::Response>> Authorize(http::Exchange& exchange,
                                                        const http::Route& route);

    // CallerOf returns what Authorize has found about the sender. REQUIRES: Authorize has admitted
    // this request.
    static Caller& CallerOf(http::Exchange& exchange);

    // SubjectOf returns the collector whose rate limit counts this request. The result is zero if
    // the request has an opaque token and the worker has not been asked about that token. REQUIRES:
    // Authorize has admitted this request.
    static const core::Uuid& SubjectOf(http::Exchange& exchange);

    // Refusal makes a 403 response. It closes a connection that has a client certificate, because
    // further requests on that connection would be refused too.
    static http::Response Refusal(http::Exchange& exchange, std::string_view detail);

  private:
    // If ReadCredential, ReadCertificate or ReadToken refuses, *kind says why, and *credential
    // holds what was read so far. REQUIRES: the caller has set *kind to kNothingShown.
    core::Status ReadCredential(http::Exchange& exchange, http::Access access,
                                protocol::Credential* credential, protocol::RefusalKind* kind);
    core::Status ReadCertificate(http::Exchange& exchange, protocol::Credential* credential,
                                 protocol::RefusalKind* kind);
    core::Status ReadToken(std::string_view token, http::Access access,
                           protocol::Credential* credential, protocol::RefusalKind* kind) const;
    http::Task<std::optional<http::Response>> AskWorker(http::Exchange& exchange,
                                                        const protocol::Credential& credential);

    WorkerLink& link_;
    Log& log_;
    const IdentityState& identity_;
    Refusals& refusals_;
    const protocol::Mtls mtls_;
};

}  // namespace pganalytics::gateway
