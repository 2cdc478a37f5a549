// Enroll: what the tables say to requests for certificates; bgworker/ingest/enrollments.cpp holds
// the requests that wait.
#pragma once

#include <string_view>

#include "core/types.hpp"
#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"
#include "protocol/refusals.hpp"

namespace pganalytics::pg {

// The most a certificate request (PKCS #10) may have; one of P-256 has some hundred bytes.
inline constexpr size_t kMaxCsrBytes = 4096;
inline constexpr size_t kTokenTextBytes = 68;  // of new_token()

// Enrollment is what has become of a request so far.
struct Enrollment {
    uint32_t status;  // as EnrollReply's; 202: it waits for its certificate
    uint32_t retry_after_s;
    bool is_recorded;  // a refusal that the audit log records, as this kind:
    protocol::RefusalKind refusal;
    core::Uuid request_id;
    core::Uuid collector_id;
    char token[kTokenTextBytes];   // of a registration; NUL in its first byte: none
    std::string_view message;      // why not; in the context given
    std::string_view certificate;  // PEM, with status 200; in the context given
    int64 expires_at;              // Unix time
};

// BeginEnrollment checks what a request shows and puts it among the certificate requests: 202. 200
// for a registration that gets no certificate. 403, 409, 422, 429, 503: refused, nothing is stored.
// Raises no ERROR. REQUIRES: no transaction in progress; the ingest role in force.
void BeginEnrollment(const protocol::EnrollRequest& request, MemoryContext context,
                     Enrollment* out);

// ContinueEnrollments looks for the certificates of `count` enrolments that wait, and gives those
// that are decided their status: 200, 403, 422. False if the tables could not be read; nothing has
// changed then. REQUIRES: as BeginEnrollment.
bool ContinueEnrollments(Enrollment** waiting, int count, MemoryContext context);

// EndRegistration is for a registration whose certificate does not come: 200 without one, where
// none is required; else it is taken back, and answered with 503.
void EndRegistration(const protocol::EnrollRequest& request, MemoryContext context,
                     Enrollment* enrollment);

}  // namespace pganalytics::pg
