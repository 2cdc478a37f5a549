// Enroll: answers requests for certificates from the tables. bgworker/ingest/enrollments.cpp holds
// the requests that wait.
#pragma once

#include <string_view>

#include "core/types.hpp"
#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"
#include "protocol/refusals.hpp"

namespace pganalytics::pg {

// The largest certificate request (PKCS #10). One for P-256 has some hundred bytes.
inline constexpr size_t kMaxCsrBytes = 4096;
inline constexpr size_t kTokenTextBytes = 68;  // of new_token()

// Enrollment is the state of a request so far.
struct Enrollment {
    uint32_t status;  // as in EnrollReply; 202: waits for its certificate
    uint32_t retry_after_s;
    bool is_recorded;  // the audit log records this refusal, with the kind `refusal`
    protocol::RefusalKind refusal;
    core::Uuid request_id;
    core::Uuid collector_id;
    char token[kTokenTextBytes];   // of a registration; first byte NUL: none
    std::string_view message;      // why refused; in the context given
    std::string_view certificate;  // PEM, with status 200; in the context given
    int64 expires_at;              // Unix time
};

// BeginEnrollment checks the credentials of a request and adds it to the certificate requests: 202.
// 200 for a registration that gets no certificate. 403, 409, 422, 429, 503: refused, nothing is
// stored. Raises no ERROR. REQUIRES: no transaction in progress; the current role is the ingest
// role.
void BeginEnrollment(const protocol::EnrollRequest& request, MemoryContext context,
                     Enrollment* out);

// ContinueEnrollments looks for the certificates of `count` waiting enrollments and sets the status
// of those that are decided: 200, 403, 422. False if the tables could not be read; then nothing has
// changed. REQUIRES: as BeginEnrollment.
bool ContinueEnrollments(Enrollment** waiting, int count, MemoryContext context);

// EndRegistration answers a registration whose certificate did not come in time. If no certificate
// is required: 200 without one. Otherwise it undoes the registration and answers 503.
void EndRegistration(const protocol::EnrollRequest& request, MemoryContext context,
                     Enrollment* enrollment);

}  // namespace pganalytics::pg
