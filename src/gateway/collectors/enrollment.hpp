// Enrollment: how a collector comes to a certificate and to tokens. The worker decides; here
// requests are read and checked, and for v3 collectors, which cannot, keys are made.
#pragma once

#include "gateway/identity/authorize.hpp"
#include "gateway/identity/identity_state.hpp"
#include "gateway/process/json_body.hpp"
#include "gateway/process/worker_link.hpp"
#include "http/router.hpp"

namespace pganalytics::gateway {

class EnrollmentService {
  public:
    // All must outlive the service.
    EnrollmentService(WorkerLink& link, const IdentityState& identity, Refusals& refusals)
        : link_(link), identity_(identity), refusals_(refusals) {}

    // Enroll answers POST /api/v1/collectors/enroll: {"token", "csr"}, a one-time token and a
    // request in PEM.
    http::Task<http::Response> Enroll(http::Exchange& exchange);
    // Renew answers POST /api/v1/collectors/renew: {"csr"}, over a connection with the certificate
    // that is to be replaced. REQUIRES: Authorize had nothing to say.
    http::Task<http::Response> Renew(http::Exchange& exchange);
    // Register answers POST /api/v1/collectors/register of v3 collectors: {"hostname", "name",
    // "version"} and the header X-Registration-Secret. They make no key and no request, so both are
    // made here, used for the one answer, and kept nowhere.
    http::Task<http::Response> Register(http::Exchange& exchange);
    // RefreshToken answers POST /api/v1/collectors/refresh-token with a signed token. Its body does
    // not matter. REQUIRES: Authorize had nothing to say.
    http::Task<http::Response> RefreshToken(http::Exchange& exchange);

    // Crl and Trust answer GET /api/v1/pki/crl and /api/v1/pki/trust.
    http::Task<http::Response> Crl(http::Exchange& exchange);
    http::Task<http::Response> Trust(http::Exchange& exchange);

  private:
    // Both give errors for RefusalOf.
    static http::Task<core::Status> ReadBody(http::Exchange& exchange, size_t max_bytes);
    static http::Task<core::Result<JsonBody>> ReadJson(http::Exchange& exchange);
    http::Task<http::Response> Ask(http::Exchange& exchange, const protocol::EnrollRequest& request,
                                   EVP_PKEY* made_key);

    WorkerLink& link_;
    const IdentityState& identity_;
    Refusals& refusals_;
};

}  // namespace pganalytics::gateway
