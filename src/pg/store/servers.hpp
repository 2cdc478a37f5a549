// Servers: finds the row of the server that a push is about, and the rows of its databases.
#pragma once

#include <string_view>

#include "core/types.hpp"
#include "pg/base/prelude.hpp"
#include "pg/store/metrics/push_job.hpp"

namespace pganalytics::pg {

// ResolveServers sets the server_id of each job. It adds a server at its first push, and keeps host
// names and versions up to date. A server that was deleted is added again under another number. If
// a collector has quota_servers servers already, its further servers share one row, and over_quota
// of the job is true. ERROR 22001 for a name of 64 bytes or more, 22021 for bad UTF-8. REQUIRES:
// SPI connected, and ROW EXCLUSIVE on the table of servers since before the senders were checked.
void ResolveServers(PushJob* const* jobs, int count);

// DatabaseLookup is a database's name and what FindDatabases finds: its number or kOverQuota.
struct DatabaseLookup {
    std::string_view name;
    int32 database_id;
};

// FindDatabases finds the numbers of databases of a server. It adds those that are new, up to
// quota_databases, in the order given. `lookups` must be sorted by name and without repetition. It
// has the same errors and requirements as ResolveServers.
void FindDatabases(int32 server_id, DatabaseLookup* lookups, int count);

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
