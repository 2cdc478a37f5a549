// Servers: caches the rows of the tables of servers and databases.
#include "pg/store/servers.hpp"

#include "core/utf8.hpp"
#include "pg/base/cache.hpp"
#include "pg/base/guc.hpp"
#include "pg/base/statement.hpp"
#include "pg/store/metrics/push_job.hpp"

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
    "collector_version, over_quota) VALUES ($1, $2, $3, $4, $5, $6) "
    "ON CONFLICT (collector_id, name) DO NOTHING",
    6,
    {UUIDOID, TEXTOID, TEXTOID, INT4OID, TEXTOID, BOOLOID},
    nullptr};
Statement describe_server = {
    "UPDATE pganalytics.servers SET hostname = $2, server_version = $3, collector_version = $4 "
    "WHERE server_id = $1 AND (hostname, server_version, collector_version) "
    "IS DISTINCT FROM ($2, $3, $4)",
    4,
    {INT4OID, TEXTOID, INT4OID, TEXTOID},
    nullptr};
// OFFSET 0 forces one index look-up by the whole key for each row; series_store.cpp says why.
Statement find_databases = {
    "SELECT i.ordinality, d.database_id FROM unnest($2) WITH ORDINALITY AS i(name, ordinality) "
    "CROSS JOIN LATERAL (SELECT b.database_id FROM pganalytics.databases b "
    "WHERE b.server_id = $1 AND b.name = i.name OFFSET 0) d",
    2,
    {INT4OID, TEXTARRAYOID},
    nullptr};
Statement add_databases = {
    "INSERT INTO pganalytics.databases (server_id, name) SELECT $1, i.name FROM unnest($2) AS "
    "i(name) ORDER BY i.name ON CONFLICT (server_id, name) DO NOTHING",
    2,
    {INT4OID, TEXTARRAYOID},
    nullptr};
Statement count_databases = {
    "SELECT pg_catalog.count(*) FROM (SELECT FROM pganalytics.databases "
    "WHERE server_id = $1 LIMIT $2) d",
    2,
    {INT4OID, INT8OID},
    nullptr};
Statement count_servers = {
    "SELECT pg_catalog.count(*) FROM (SELECT FROM pganalytics.servers "
    "WHERE collector_id = $1 AND NOT over_quota LIMIT $2) s",
    2,
    {UUIDOID, INT8OID},
    nullptr};
// kExcessName names the row of servers for all that a collector sends about servers beyond its
// quota. Their pushes are in the accounts there, and every row of theirs is discarded.
constexpr std::string_view kExcessName = "(over quota)";

Statement find_deleted = {
    "SELECT i.server_id FROM unnest($1) AS i(server_id) WHERE NOT EXISTS "
    "(SELECT FROM pganalytics.servers s WHERE s.server_id = i.server_id)",
    1,
    {INT4ARRAYOID},
    nullptr};

bool Find(Statement* find, Datum* key, int32* id) {
    Execute(find, key);
    if (SPI_processed == 1) *id = Int4Of(0, 1);
    return SPI_processed == 1;
}

bool HasRoom(const core::Uuid& collector_id) {
    Datum values[] = {UuidDatum(collector_id), Int64GetDatum(settings.quota_servers)};
    Execute(&count_servers, values);
    return Int8Of(0, 1) < settings.quota_servers;
}

// NameOf returns the name of a push's server. A v3 collector sends no name, only that of its host;
// one that sends neither has one server.
std::string_view NameOf(const protocol::Push& push) {
    if (!push.server_name.empty()) return push.server_name;
    if (push.hostname.empty()) return "default";
    return core::CutUtf8(push.hostname, NAMEDATALEN - 1);
}

// LookUp reads the numbers of databases from the table, and caches them. It moves those that the
// table does not have to the front of `missing` and returns how many they are.
int LookUp(int32 server_id, DatabaseLookup** missing, int count) {
    Datum values[] = {Int32GetDatum(server_id),
                      ArrayOf(missing, count, TEXTOID, [](const DatabaseLookup* lookup, bool*) {
                          return TextDatum(lookup->name);
                      })};
    Execute(&find_databases, values);
    for (uint64 row = 0; row < SPI_processed; ++row) {
        DatabaseLookup* const lookup = missing[Int8Of(row, 1) - 1];
        DatabaseKey key = {};
        key.server_id = server_id;
        CopyName(key.name, lookup->name);
        bool found = false;
        lookup->database_id = Int4Of(row, 2);
        databases.Enter(key, &found)->database_id = lookup->database_id;
    }
    int left = 0;
    for (int i = 0; i < count; ++i) {
        if (missing[i]->database_id == 0) missing[left++] = missing[i];
    }
    return left;
}

// ServerOf returns the number of the server that a push names, and sets *cached to true if it has
// not looked into the table. If the collector has as many servers as it may, it sets *over_quota,
// and the number is that of the row for all further ones.
int32 ServerOf(const protocol::Push& push, bool* over_quota, bool* cached) {
    std::string_view name = NameOf(push);
    CheckName(name, "name of the server");
    servers.Prepare();
    ServerKey key = {};
    key.collector_id = push.collector_id;
    CopyName(key.name, name);
    const uint64 description = Describe(push);
    ServerEntry* entry = servers.Find(key);
    *over_quota = false;
    if (entry != nullptr && entry->description == description) {
        *cached = true;
        return entry->server_id;
    }

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
    Datum find[] = {collector, TextDatum(name)};
    int32 server_id = entry == nullptr ? 0 : entry->server_id;
    bool is_there = entry != nullptr || Find(&find_server, find, &server_id);
    if (!is_there && !HasRoom(push.collector_id)) {
        *over_quota = true;
        // There is no end of such names, so cache none of them, only the row for all.
        memset(key.name, 0, sizeof(key.name));
        CopyName(key.name, kExcessName);
        entry = servers.Find(key);
        if (entry != nullptr) {
            *cached = true;
            return entry->server_id;
        }
        find[1] = TextDatum(kExcessName);
        is_there = Find(&find_server, find, &server_id);
    }
    const Datum host = TextDatum(hostname);
    const Datum server_version = Int32GetDatum(static_cast<int32>(push.server_version));
    const Datum collector_version = TextDatum(version);
    const bool no_version = push.server_version == 0;
    if (!is_there) {
        Datum row[] = {collector,      find[1],           host,
                       server_version, collector_version, BoolGetDatum(*over_quota)};
        bool nulls[] = {false, false, false, no_version, false, false};
        Execute(&add_server, row, nulls);
        // Another worker may have added the row first.
        if (!Find(&find_server, find, &server_id)) elog(ERROR, "could not find or add a server");
    }
    bool found = false;
    entry = servers.Enter(key, &found);
    servers.Touch(entry);
    entry->server_id = server_id;
    if (*over_quota) return server_id;

    Datum row[] = {Int32GetDatum(server_id), host, server_version, collector_version};
    bool nulls[] = {false, false, no_version, false};
    Execute(&describe_server, row, nulls);
    entry->description = description;
    return server_id;
}

// NameServers calls ServerOf for each job. Returns true if a number came from the cache.
bool NameServers(PushJob* const* jobs, int count) {
    bool cached = false;
    for (int i = 0; i < count; ++i) {
        jobs[i]->server_id = ServerOf(jobs[i]->push, &jobs[i]->over_quota, &cached);
    }
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

void FindDatabases(int32 server_id, DatabaseLookup* lookups, int count) {
    databases.Prepare();
    auto** const missing = static_cast<DatabaseLookup**>(MemoryContextAllocHuge(
        CurrentMemoryContext, sizeof(DatabaseLookup*) * static_cast<size_t>(Max(count, 1))));
    int wanted = 0;
    for (int i = 0; i < count; ++i) {
        CheckName(lookups[i].name, "name of the database");
        DatabaseKey key = {};
        key.server_id = server_id;
        CopyName(key.name, lookups[i].name);
        const DatabaseEntry* const entry = databases.Find(key);
        lookups[i].database_id = entry == nullptr ? 0 : entry->database_id;
        if (entry == nullptr) missing[wanted++] = &lookups[i];
    }
    if (wanted > 0) wanted = LookUp(server_id, missing, wanted);
    if (wanted > 0) {
        Datum limit[] = {Int32GetDatum(server_id), Int64GetDatum(settings.quota_databases)};
        Execute(&count_databases, limit);
        const int room = settings.quota_databases - static_cast<int>(Int8Of(0, 1));
        const int fresh = Min(wanted, Max(room, 0));
        for (int i = fresh; i < wanted; ++i) missing[i]->database_id = kOverQuota;
        if (fresh > 0) {
            Datum row[] = {
                Int32GetDatum(server_id),
                ArrayOf(missing, fresh, TEXTOID, [](const DatabaseLookup* lookup, bool*) {
                    return TextDatum(lookup->name);
                })};
            Execute(&add_databases, row);
            if (LookUp(server_id, missing, fresh) > 0) {
                elog(ERROR, "could not find or add a database");
            }
        }
    }
    pfree(missing);
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
