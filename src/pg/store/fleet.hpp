// Fleet: for which server and database a push is.
#pragma once

#include <string_view>

#include "core/types.hpp"
#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// ServerOf gives the server a push speaks of, adding it at its first push and keeping its host
// name and versions up to date. ERROR 22001 for a name of 64 bytes or more, 22021 for bad UTF-8.
// REQUIRES: SPI connected.
int32 ServerOf(const protocol::Push& push);

// DatabaseOf gives the number of a database of a server, adding it when it is new. Errors as above.
int32 DatabaseOf(int32 server_id, std::string_view name);

// CommitFleet and ForgetTouchedFleet end a transaction: after an abort, what it added or changed is
// not in the tables. ForgetFleet: the extension was made anew.
void CommitFleet();
void ForgetTouchedFleet();
void ForgetFleet();

// CheckName raises 22001 or 22021 unless the bytes may be the name of an object in PostgreSQL.
void CheckName(std::string_view name, const char* what);

}  // namespace pganalytics::pg
