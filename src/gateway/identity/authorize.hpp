// Authorize: who sends a request of a collector. What it shows, a certificate, a token or both, is
// checked here as far as it can be without tables; then the worker says who that is today.
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

// BearerToken gives the token of an Authorization header (RFC 6750 section 2.1), "" if the header
// holds none.
std::string_view BearerToken(std::string_view authorization);

// Caller is what is remembered of a connection: its certificate, and who was found to show what.
struct Caller : http::ConnectionMemo {
    std::optional<pki::ClientCertificate> certificate;
    protocol::Credential credential;
    core::Uuid collector_id;
    uint32_t max_queries_per_db = 0;
    uint64_t version = 0;  // of the IdentityState that the worker was asked under; 0: nobody known

    // Forget makes the next request ask again.
    void Forget() { version = 0; }
};

class Authorizer {
  public:
    // All must outlive the authorizer.
    Authorizer(WorkerLink& link, Log& log, const IdentityState& identity, Refusals& refusals,
               protocol::Mtls mtls)
        : link_(link), log_(log), identity_(identity), refusals_(refusals), mtls_(mtls) {}

    // Authorize is the guard of the collectors' routes. With Access::kCollector a yes is remembered
    // until the identity changes; the push's own transaction checks again. With kCollectorGrace
    // an expired token is left to the handler. 403, 503, or nothing; never 401,
    // for a v3 collector that gets one for a push drops the push, and one that gets one for its
    // configuration asks again without end.
    http::Task<std::optional<http::Response>> Authorize(http::Exchange& exchange,
                                                        const http::Route& route);

    // CallerOf gives what Authorize has found. REQUIRES: it had nothing to say to this request.
    static Caller& CallerOf(http::Exchange& exchange);

    // SubjectOf gives the collector that a request counts for; zero: it shows an opaque token that
    // nobody has been asked about. REQUIRES: as CallerOf.
    static const core::Uuid& SubjectOf(http::Exchange& exchange);

    // Refusal is 403 to a caller; it ends a connection with a certificate, which will not get
    // better.
    static http::Response Refusal(http::Exchange& exchange, std::string_view detail);

  private:
    // Of what these refuse, they fill the credential as far as they have got, and say which kind of
    // refusal it is.
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
