// Servers: caches the rows of the tables of servers and databases.
#include "pg/store/servers.hpp"

#include "core/utf8.hpp"
#include "pg/base/cache.hpp"
#include "pg/base/statement.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
}

namespace pganalytics::pg {
namespace {

struct ServerKey {
    core::Uuid collector_id;
    char name[NAMEDATALEN];
};
struct ServerEntry {
    ServerKey key;
    int32 server_id;
    bool touched;
    uint64 description;  // hash of host name and versions as stored
};
struct DatabaseKey {
    int32 server_id;
    char name[NAMEDATALEN];
};
struct DatabaseEntry {
    DatabaseKey key;
    int32 database_id;
    bool touched;
};

constexpr int64 kMaxEntries = 100000;
Cache<ServerKey, ServerEntry> servers("pganalytics servers", kMaxEntries);
Cache<DatabaseKey, DatabaseEntry> databases("pganalytics databases", kMaxEntries);

void CopyName(char (&out)[NAMEDATALEN], std::string_view name) {
    memset(out, 0, sizeof(out));
    memcpy(out, name.data(), name.size());
}

uint64 Describe(const protocol::Push& push) {
    auto hash = [](std::string_view text, uint64 seed) {
        return hash_bytes_extended(reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()), seed);
    };
    return hash(push.hostname, hash(push.collector_version, push.server_version));
}

Statement find_server = {
    "SELECT server_id FROM pganalytics.servers WHERE collector_id = $1 AND name = $2",
    2,
    {UUIDOID, TEXTOID},
    nullptr};
Statement add_server = {
    "INSERT INTO pganalytics.servers (collector_id, name, hostname, server_version, "
    "collector_version) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (collector_id, name) DO NOTHING",
    5,
    {UUIDOID, TEXTOID, TEXTOID, INT4OID, TEXTOID},
    nullptr};
Statement describe_server = {
    "UPDATE pganalytics.servers SET hostname = $2, server_version = $3, collector_version = $4 "
    "WHERE server_id = $1 AND (hostname, server_version, collector_version) "
    "IS DISTINCT FROM ($2, $3, $4)",
    4,
    {INT4OID, TEXTOID, INT4OID, TEXTOID},
    nullptr};
Statement find_database = {
    "SELECT database_id FROM pganalytics.databases WHERE server_id = $1 AND name = $2",
    2,
    {INT4OID, TEXTOID},
    nullptr};
Statement add_database = {
    "INSERT INTO pganalytics.databases (server_id, name) VALUES ($1, $2) "
    "ON CONFLICT (server_id, name) DO NOTHING",
    2,
    {INT4OID, TEXTOID},
    nullptr};

Statement find_deleted = {
    "SELECT i.server_id FROM unnest($1) AS i(server_id) WHERE NOT EXISTS "
    "(SELECT FROM pganalytics.servers s WHERE s.server_id = i.server_id)",
    1,
    {INT4ARRAYOID},
    nullptr};

// FindOrAdd looks up a row. If the row is missing, it adds the row and looks again, because another
// worker may have added the row first.
int32 FindOrAdd(Statement* find, Datum* key, Statement* add, Datum* row, bool* row_nulls,
                const char* what) {
    Execute(find, key);
    if (SPI_processed == 0) {
        Execute(add, row, row_nulls);
        Execute(find, key);
    }
    if (SPI_processed != 1) elog(ERROR, "could not find or add a %s", what);
    return Int4Of(0, 1);
}

// ServerOf returns the number of the server that a push names, and sets *cached to true if it has
// not looked into the table.
int32 ServerOf(const protocol::Push& push, bool* cached) {
    CheckName(push.server_name, "name of the server");
    servers.Prepare();
    ServerKey key = {};
    key.collector_id = push.collector_id;
    CopyName(key.name, push.server_name);
    const uint64 description = Describe(push);
    bool found = false;
    ServerEntry* const entry = servers.Enter(key, &found);
    if (found && entry->description == description) {
        *cached = true;
        return entry->server_id;
    }
    servers.Touch(entry);

    // Cut a longer text instead of refusing the push. Host names have at most 253 bytes (RFC 1035),
    // and are only shown, never compared.
    const std::string_view hostname = core::CutUtf8(push.hostname, 255);
    const std::string_view version = core::CutUtf8(push.collector_version, NAMEDATALEN - 1);
    if (!pg_verify_mbstr(PG_UTF8, hostname.data(), static_cast<int>(hostname.size()), true) ||
        !pg_verify_mbstr(PG_UTF8, version.data(), static_cast<int>(version.size()), true)) {
        ereport(ERROR, errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
                errmsg("hostname or version is not valid UTF-8 in its first 255 bytes"));
    }
    const Datum collector = UuidDatum(key.collector_id);
    const Datum name = TextDatum(push.server_name);
    const Datum host = TextDatum(hostname);
    const Datum server_version = Int32GetDatum(static_cast<int32>(push.server_version));
    const Datum collector_version = TextDatum(version);
    const bool no_version = push.server_version == 0;
    if (!found) {
        Datum find[] = {collector, name};
        Datum row[] = {collector, name, host, server_version, collector_version};
        bool nulls[] = {false, false, false, no_version, false};
        entry->server_id = FindOrAdd(&find_server, find, &add_server, row, nulls, "server");
    }
    Datum row[] = {Int32GetDatum(entry->server_id), host, server_version, collector_version};
    bool nulls[] = {false, false, no_version, false};
    Execute(&describe_server, row, nulls);

    entry->description = description;
    return entry->server_id;
}

// NameServers calls ServerOf for each job. Returns true if a number came from the cache.
bool NameServers(PushJob* const* jobs, int count) {
    bool cached = false;
    for (int i = 0; i < count; ++i) jobs[i]->server_id = ServerOf(jobs[i]->push, &cached);
    return cached;
}

// AnyDeleted: the row of a job's server is no longer in the table.
bool AnyDeleted(PushJob* const* jobs, int count) {
    Datum values[] = {ArrayOf(jobs, count, INT4OID, [](const PushJob* job, bool*) {
        return Int32GetDatum(job->server_id);
    })};
    Execute(&find_deleted, values);
    return SPI_processed > 0;
}

}  // namespace

void CheckName(std::string_view name, const char* what) {
    if (name.size() >= NAMEDATALEN) {
        ereport(ERROR, errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
                errmsg("%s is longer than %d bytes", what, NAMEDATALEN - 1));
    }
    if (!pg_verify_mbstr(PG_UTF8, name.data(), static_cast<int>(name.size()), true)) {
        ereport(ERROR, errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
                errmsg("%s is not valid UTF-8", what));
    }
}

void ResolveServers(PushJob* const* jobs, int count) {
    if (!NameServers(jobs, count) || !AnyDeleted(jobs, count)) return;
    ForgetServers();
    NameServers(jobs, count);
}

int32 DatabaseOf(int32 server_id, std::string_view name) {
    CheckName(name, "name of the database");
    databases.Prepare();
    DatabaseKey key = {};
    key.server_id = server_id;
    CopyName(key.name, name);
    bool found = false;
    DatabaseEntry* const entry = databases.Enter(key, &found);
    if (found) return entry->database_id;
    Datum row[] = {Int32GetDatum(server_id), TextDatum(name)};
    entry->database_id = FindOrAdd(&find_database, row, &add_database, row, nullptr, "database");
    return entry->database_id;
}

void CommitServers() {
    servers.Commit();
    databases.Commit();
}
void ForgetTouchedServers() {
    servers.Abort();
    databases.Abort();
}
void ForgetServers() {
    servers.Forget();
    databases.Forget();
}

}  // namespace pganalytics::pg
