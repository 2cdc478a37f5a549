// Enrollments: requests for certificates that wait in a worker, first for their turn, then for the
// maintenance worker, which has the certificates issued. Pushes do not wait for them.
#pragma once

#include "bgworker/process/supervisor.hpp"

namespace pganalytics::bgworker {

// TakeEnrollment takes the EnrollRequest of a frame. It answers 503 if too many requests wait.
// False if the frame cannot be read.
bool TakeEnrollment(Gateway* gateway, const Frame& frame);

// AdvanceEnrollments begins one request and answers those that are decided or have waited too long.
// True if it began one. Called once a turn; the caller resets `context` after the call.
// REQUIRES: no transaction in progress; the current role is the ingest role.
bool AdvanceEnrollments(MemoryContext context);

}  // namespace pganalytics::bgworker
