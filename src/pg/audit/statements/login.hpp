// Audit login: what is told of clients that come to PostgreSQL's port.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// TellOfFailedLogin tells of the FATAL error that ends a backend whose session is not up yet, if it
// refuses the client. True if it did. May be called without a PGPROC.
bool TellOfFailedLogin(const ErrorData& error);

}  // namespace pganalytics::pg
