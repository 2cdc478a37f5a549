// Enrollments: requests for certificates that a worker has taken and that wait: for their turn,
// then for the maintenance worker, which has them issued. Pushes wait for none of this.
#pragma once

#include "bgworker/process/supervisor.hpp"

namespace pganalytics::bgworker {

// TakeEnrollment takes the EnrollRequest of a frame. When as many wait as may, it is answered 503.
// False if the frame cannot be read.
bool TakeEnrollment(Gateway* gateway, const Frame& frame);

// AdvanceEnrollments begins one request and answers those that are decided or have waited too long.
// True if there was one to begin. Called once in a turn; `context` is reset by the caller after it.
// REQUIRES: no transaction in progress; the ingest role in force.
bool AdvanceEnrollments(MemoryContext context);

}  // namespace pganalytics::bgworker
