// Enrollments: certificate requests that wait in an ingest worker. Each request first waits until
// the worker begins it, and then until the maintenance worker has had the certificate issued.
// Pushes do not wait for enrollments.
#pragma once

#include "bgworker/process/supervisor.hpp"

namespace pganalytics::bgworker {

// TakeEnrollment takes the EnrollRequest of a frame. It answers 422 if the request is too long, and
// 503 if too many requests wait. It returns false if the frame cannot be read.
bool TakeEnrollment(Gateway* gateway, const Frame& frame);

// AdvanceEnrollments begins the oldest request that waits to be begun, and returns true if there
// was one. It also answers the requests that are decided or have waited too long. The worker calls
// it once per loop iteration and resets `context` after the call.
// REQUIRES: no transaction in progress; the current role is the ingest role.
bool AdvanceEnrollments(MemoryContext context);

}  // namespace pganalytics::bgworker
