// Enrollment: how a collector gets a certificate and tokens. The worker decides. This file reads
// and checks requests, and makes the keys for v3 collectors, which cannot make their own.
#pragma once

#include "gateway/identity/authorize.hpp"
#include "gateway/identity/identity_state.hpp"
#include "gateway/process/json_body.hpp"
#include "gateway/process/worker_link.hpp"
#include "http/router.hpp"

namespace pganalytics::gateway {

class EnrollmentService {
  public:
    // All arguments must outlive the service.
    EnrollmentService(WorkerLink& link, const IdentityState& identity, Refusals& refusals)
        : link_(link), identity_(identity), refusals_(refusals) {}

    // Enroll answers POST /api/v1/collectors/enroll. The body is {"token", "csr"}: a one-time token
    // and a certificate request in PEM.
    http::Task<http::Response> Enroll(http::Exchange& exchange);
    // Renew answers POST /api/v1/collectors/renew. The body is {"csr"}. The connection must use the
    // client certificate that is to be replaced. REQUIRES: Authorize has admitted the request.
    http::Task<http::Response> Renew(http::Exchange& exchange);
    // Register answers POST /api/v1/collectors/register, which v3 collectors send. The body is
    // {"hostname", "name", "version"}. The secret is in the header X-Registration-Secret. v3
    // collectors make no key and no certificate request, so Register makes both for them. It stores
    // neither of them.
    http::Task<http::Response> Register(http::Exchange& exchange);
    // RefreshToken answers POST /api/v1/collectors/refresh-token with a signed token. It ignores
    // the body. REQUIRES: Authorize has admitted the request.
    http::Task<http::Response> RefreshToken(http::Exchange& exchange);

    // Crl answers GET /api/v1/pki/crl, with 404 if there is no revocation list. Trust answers GET
    // /api/v1/pki/trust, with 404 if there is no authority.
    http::Task<http::Response> Crl(http::Exchange& exchange);
    http::Task<http::Response> Trust(http::Exchange& exchange);

  private:
    // ReadBody and ReadJson return errors from which RefusalOf makes the responses.
    static http::Task<core::Status> ReadBody(http::Exchange& exchange, size_t max_bytes);
    static http::Task<core::Result<JsonBody>> ReadJson(http::Exchange& exchange);
    http::Task<http::Response> Ask(http::Exchange& exchange, const protocol::EnrollRequest& request,
                                   EVP_PKEY* made_key);

    WorkerLink& link_;
    const IdentityState& identity_;
    Refusals& refusals_;
};

}  // namespace pganalytics::gateway
