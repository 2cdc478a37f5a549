// Enroll: records requests for certificates in the tables, and reads the decisions from there.
// bgworker/ingest/enrollments.cpp holds the requests that wait for a decision.
#pragma once

#include <string_view>

#include "core/types.hpp"
#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"
#include "protocol/refusals.hpp"

namespace pganalytics::pg {

// The size of the largest certificate request (PKCS #10) that is accepted. A request for a P-256
// key has a few hundred bytes.
inline constexpr size_t kMaxCsrBytes = 4096;
inline constexpr size_t kTokenTextBytes = 68;  // length of the text that new_token() returns

// Enrollment is the state of a request for a certificate. Its string_views point into the `context`
// that is passed to the functions below.
struct Enrollment {
    uint32_t status;  // as in EnrollReply; 202: the request waits for its certificate
    uint32_t retry_after_s;
    bool is_recorded;  // the audit log records this refusal, with the kind `refusal`
    protocol::RefusalKind refusal;
    core::Uuid request_id;
    core::Uuid collector_id;
    char token[kTokenTextBytes];   // token of a registration; none if the first byte is NUL
    std::string_view message;      // why the request was refused
    std::string_view certificate;  // PEM, with status 200
    int64 expires_at;              // Unix time
};

// BeginEnrollment checks the credentials of a request, stores the request, and sets out->status:
//   202                      the request now waits for its certificate
//   200                      the request is a registration that gets no certificate
//   403, 409, 422, 429, 503  the request is refused and nothing is stored
// Raises no ERROR.
// REQUIRES: no transaction in progress; the current role is the ingest role.
void BeginEnrollment(const protocol::EnrollRequest& request, MemoryContext context,
                     Enrollment* out);

// ContinueEnrollments looks for the certificates of `count` waiting enrollments, and sets the
// status of those that have been decided: 200, 403 or 422. If the tables cannot be read, it returns
// false and changes nothing. REQUIRES: the same as BeginEnrollment.
bool ContinueEnrollments(Enrollment** waiting, int count, MemoryContext context);

// EndRegistration answers a registration whose certificate was not issued in time. Unless
// pganalytics.mtls requires certificates, the answer is 200 without a certificate. Otherwise
// EndRegistration undoes the registration and answers 503.
void EndRegistration(const protocol::EnrollRequest& request, MemoryContext context,
                     Enrollment* enrollment);

}  // namespace pganalytics::pg
