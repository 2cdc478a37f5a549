// Audit role: in whose rights this process acts, known without a look into a catalog when an ERROR
// is under way.
#pragma once

#include <string_view>

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// IsOwnWorker: this process is one of our background workers.
bool IsOwnWorker();

// NoteActingRole finds the name of the role in force if it has changed since. Costs a comparison
// when it has not. REQUIRES: no ERROR is under way.
void NoteActingRole();

// ActingRole gives the name of the role in force, "" if it was not noted.
std::string_view ActingRole();

}  // namespace pganalytics::pg
