// Audit login: records the logins at PostgreSQL's port.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// RecordFailedLogin records a failed login. `error` is the FATAL error that ends a backend before
// its session begins. Returns false, and records nothing, if the error does not refuse the client.
// It may be called in a process without a PGPROC.
bool RecordFailedLogin(const ErrorData& error);

}  // namespace pganalytics::pg
