// Audit login: records the logins at PostgreSQL's port.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// TellOfFailedLogin gets the FATAL error that ends a backend before its session is up. If the error
// refuses the client, it records that and returns true. May be called without a PGPROC.
bool TellOfFailedLogin(const ErrorData& error);

}  // namespace pganalytics::pg
