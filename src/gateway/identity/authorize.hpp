// Authorize: decides which collector sends a request. The gateway checks the certificate, the token
// or both as far as it can without tables; then the worker says whose they are now.
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

// BearerToken gives the token of an Authorization header (RFC 6750 section 2.1), "" if there is
// none.
std::string_view BearerToken(std::string_view authorization);

// Caller is what a connection remembers: its certificate, the last credential, and whose it is.
struct Caller : http::ConnectionMemo {
    std::optional<pki::ClientCertificate> certificate;
    protocol::Credential credential;
    core::Uuid collector_id;
    uint32_t max_queries_per_db = 0;
    uint64_t version = 0;  // of the IdentityState when the worker was asked; 0: unknown caller

    // Forget makes the next request ask the worker again.
    void Forget() { version = 0; }
};

class Authorizer {
  public:
    // All must outlive the authorizer.
    Authorizer(WorkerLink& link, Log& log, const IdentityState& identity, Refusals& refusals,
               protocol::Mtls mtls)
        : link_(link), log_(log), identity_(identity), refusals_(refusals), mtls_(mtls) {}

    // Authorize is the guard of the collectors' routes. It gives 403, 503, or nothing if the
    // request is admitted. With Access::kCollector it remembers an admission until the identity
    // changes; the push's own transaction checks again. With kCollectorGrace it leaves an expired
    // token to the handler. It never gives 401: a v3 collector drops a push that gets 401, and
    // retries without end if its configuration request gets 401.
    http::Task<std::optional<http::Response>> Authorize(http::Exchange& exchange,
                                                        const http::Route& route);

    // CallerOf gives what Authorize has found. REQUIRES: Authorize has admitted this request.
    static Caller& CallerOf(http::Exchange& exchange);

    // SubjectOf gives the collector that a request is counted for. Zero: the request has an opaque
    // token and the worker has not been asked about it. REQUIRES: as CallerOf.
    static const core::Uuid& SubjectOf(http::Exchange& exchange);

    // Refusal is 403. It closes a connection that has a client certificate: further requests on it
    // would be refused too.
    static http::Response Refusal(http::Exchange& exchange, std::string_view detail);

  private:
    // On refusal these set *kind, and leave in *credential what they have read so far.
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
