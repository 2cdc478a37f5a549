// Servers: finds the row of the server that a push is about, and the rows of its databases.
#pragma once

#include <string_view>

#include "core/types.hpp"
#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// ServerOf returns the number of the server that a push names. It adds the server at its first
// push, and keeps its host name and versions up to date. ERROR 22001 for a name of 64 bytes or
// more, 22021 for bad UTF-8. REQUIRES: SPI connected.
int32 ServerOf(const protocol::Push& push);

// DatabaseOf returns the number of a database of a server, and adds the database if it is new. It
// has the same errors and requirement as ServerOf.
int32 DatabaseOf(int32 server_id, std::string_view name);

// CommitServers must be called after a commit, and ForgetTouchedServers after an abort, because
// what an aborted transaction added or changed is not in the tables. ForgetServers must be called
// when the extension was dropped and created again.
void CommitServers();
void ForgetTouchedServers();
void ForgetServers();

// CheckName raises ERROR 22001 or 22021 unless the bytes are a valid name of a PostgreSQL object.
// `what` names the object in the message.
void CheckName(std::string_view name, const char* what);

}  // namespace pganalytics::pg
