// Audit role: the name of the current role. It can be read without a catalog, even while PostgreSQL
// handles an ERROR.
#pragma once

#include <string_view>

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// IsOwnWorker: this process is one of our background workers.
bool IsOwnWorker();

// NoteActingRole looks up the name of the current role if the role has changed since the last call.
// If it has not, the call costs one comparison. REQUIRES: no ERROR is being handled.
void NoteActingRole();

// ActingRole returns the name of the current role; "" if the role has changed since the last call
// of NoteActingRole.
std::string_view ActingRole();

}  // namespace pganalytics::pg
