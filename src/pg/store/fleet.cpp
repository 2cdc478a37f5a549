// Fleet: look-ups through small caches, in front of three small tables.
#include "pg/store/fleet.hpp"

#include "pg/base/statement.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "utils/hsearch.h"
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
    uint64 description;  // hash of host name and versions as stored
};
struct DatabaseKey {
    int32 server_id;
    char name[NAMEDATALEN];
};
struct DatabaseEntry {
    DatabaseKey key;
    int32 database_id;
};

HTAB* servers = nullptr;
HTAB* databases = nullptr;

HTAB* NewCache(const char* name, Size key_size, Size entry_size) {
    HASHCTL control = {};
    control.keysize = key_size;
    control.entrysize = entry_size;
    control.hcxt = TopMemoryContext;
    return hash_create(name, 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

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

// FindOrAdd looks up, adds if missing, and looks again: another worker may have been faster.
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

int32 ServerOf(const protocol::Push& push) {
    CheckName(push.server_name, "name of the server");
    if (servers == nullptr) {
        servers = NewCache("pganalytics servers", sizeof(ServerKey), sizeof(ServerEntry));
    }
    ServerKey key = {};
    key.collector_id = push.collector_id;
    CopyName(key.name, push.server_name);
    const uint64 description = Describe(push);
    auto* entry = static_cast<ServerEntry*>(hash_search(servers, &key, HASH_FIND, nullptr));
    if (entry != nullptr && entry->description == description) return entry->server_id;

    // Host names may have 253 bytes (RFC 1035) and are shown, never compared.
    const std::string_view hostname = push.hostname.substr(0, 255);
    const std::string_view version = push.collector_version.substr(0, NAMEDATALEN - 1);
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
    int32 server_id = entry == nullptr ? 0 : entry->server_id;
    if (entry == nullptr) {
        Datum find[] = {collector, name};
        Datum row[] = {collector, name, host, server_version, collector_version};
        bool nulls[] = {false, false, false, no_version, false};
        server_id = FindOrAdd(&find_server, find, &add_server, row, nulls, "server");
    }
    Datum row[] = {Int32GetDatum(server_id), host, server_version, collector_version};
    bool nulls[] = {false, false, no_version, false};
    Execute(&describe_server, row, nulls);

    entry = static_cast<ServerEntry*>(hash_search(servers, &key, HASH_ENTER, nullptr));
    entry->server_id = server_id;
    entry->description = description;
    return server_id;
}

int32 DatabaseOf(int32 server_id, std::string_view name) {
    CheckName(name, "name of the database");
    if (databases == nullptr) {
        databases = NewCache("pganalytics databases", sizeof(DatabaseKey), sizeof(DatabaseEntry));
    }
    DatabaseKey key = {};
    key.server_id = server_id;
    CopyName(key.name, name);
    auto* entry = static_cast<DatabaseEntry*>(hash_search(databases, &key, HASH_FIND, nullptr));
    if (entry != nullptr) return entry->database_id;
    Datum row[] = {Int32GetDatum(server_id), TextDatum(name)};
    const int32 database_id =
        FindOrAdd(&find_database, row, &add_database, row, nullptr, "database");
    entry = static_cast<DatabaseEntry*>(hash_search(databases, &key, HASH_ENTER, nullptr));
    entry->database_id = database_id;
    return database_id;
}

void ForgetFleet() {
    if (servers != nullptr) hash_destroy(servers);
    if (databases != nullptr) hash_destroy(databases);
    servers = nullptr;
    databases = nullptr;
}

}  // namespace pganalytics::pg
