// Compat: the one place for differences between PostgreSQL's major versions.
#pragma once

#include "pg/base/prelude.hpp"

extern "C" {
#include "catalog/pg_database.h"
#include "commands/defrem.h"
#include "common/jsonapi.h"
#include "executor/executor.h"
#include "libpq/libpq-be.h"
#include "mb/pg_wchar.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/datetime.h"
#include "utils/guc_tables.h"
}

namespace pganalytics::pg {

// InsertIndexTuples hides the argument that PostgreSQL 16 added (onlySummarizing, 19d8e2308bc).
inline void InsertIndexTuples(ResultRelInfo* relinfo, TupleTableSlot* slot, EState* estate) {
#if PG_VERSION_NUM >= 160000
    list_free(ExecInsertIndexTuples(relinfo, slot, estate, false, false, nullptr, NIL, false));
#else
    list_free(ExecInsertIndexTuples(relinfo, slot, estate, false, false, nullptr, NIL));
#endif
}

// JsonActionResult is what an action of pg_parse_json returns: nothing before PostgreSQL 16.
// MakeJsonLexer hides the argument that 17 added, with which a caller may pass the lexer's memory.
#if PG_VERSION_NUM >= 160000
using JsonActionResult = JsonParseErrorType;
inline JsonActionResult JsonActionDone() { return JSON_SUCCESS; }
#else
using JsonActionResult = void;
inline JsonActionResult JsonActionDone() {}
#endif

inline JsonLexContext* MakeJsonLexer(char* json, int size) {
#if PG_VERSION_NUM >= 170000
    return makeJsonLexContextCstringLen(nullptr, json, static_cast<size_t>(size), PG_UTF8, true);
#else
    return makeJsonLexContextCstringLen(json, size, PG_UTF8, true);
#endif
}

// MayConnect: whether a role has the CONNECT privilege on this database (16 has one function for
// all kinds of objects).
inline bool MayConnect(Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_aclcheck(DatabaseRelationId, MyDatabaseId, role, ACL_CONNECT) == ACLCHECK_OK;
#else
    return pg_database_aclcheck(MyDatabaseId, role, ACL_CONNECT) == ACLCHECK_OK;
#endif
}

// ConfigVariables returns all settings in the order of their names. Since 16, PostgreSQL's function
// counts them, too (3057465acfb).
inline config_generic** ConfigVariables(int* count) {
#if PG_VERSION_NUM >= 160000
    return get_guc_variables(count);
#else
    *count = GetNumConfigOptions();
    return get_guc_variables();
#endif
}

// AllocateGucExtra allocates what a check hook passes on in `extra`; nullptr if there is no memory.
// The server frees it, since 16 with functions of its own (407b50f2d42).
inline void* AllocateGucExtra(size_t bytes) {
#if PG_VERSION_NUM >= 160000
    return guc_malloc(LOG, bytes);
#else
    return malloc(bytes);
#endif
}

// ReadTimestampTz parses a point in time, as check_recovery_target_time() does. Raises no ERROR: it
// returns false if the text is not a time, or an infinite one.
inline bool ReadTimestampTz(const char* text, TimestampTz* out) {
    char work[MAXDATELEN + MAXDATEFIELDS];
    char* fields[MAXDATEFIELDS];
    int types[MAXDATEFIELDS];
    int count = 0;
    if (ParseDateTime(text, work, sizeof(work), fields, types, MAXDATEFIELDS, &count) != 0) {
        return false;
    }
    pg_tm parts = {};
    fsec_t fraction = 0;
    int kind = 0;
    int zone = 0;
#if PG_VERSION_NUM >= 160000
    DateTimeErrorExtra extra;
    if (DecodeDateTime(fields, types, count, &kind, &parts, &fraction, &zone, &extra) != 0) {
        return false;
    }
#else
    if (DecodeDateTime(fields, types, count, &kind, &parts, &fraction, &zone) != 0) return false;
#endif
    return kind == DTK_DATE && tm2timestamp(&parts, fraction, &zone, out) == 0;
}

// AuthenticatedIdentity returns the identity that the client has proved, nullptr if none. Since 16
// it is not in the Port.
inline const char* AuthenticatedIdentity([[maybe_unused]] const Port& port) {
#if PG_VERSION_NUM >= 160000
    return MyClientConnectionInfo.authn_id;
#else
    return port.authn_id;
#endif
}

// MembershipOption: what a statement says about one option of a membership. GRANT sets it to true
// or false. For REVOKE, kTrue means that only the option is revoked and the membership stays.
enum class MembershipOption { kUnsaid, kTrue, kFalse };

// OptionOf reads the option "admin", "inherit" or "set". Before 16 there is only a flag for admin.
inline MembershipOption OptionOf(const GrantRoleStmt& grant, const char* name) {
    MembershipOption said = MembershipOption::kUnsaid;
#if PG_VERSION_NUM >= 160000
    ListCell* cell = nullptr;
    foreach (cell, grant.opt) {
        auto* const option = static_cast<DefElem*>(lfirst(cell));
        if (strcmp(option->defname, name) != 0) continue;
        // If an option is given several times, GRANT uses the last.
        said = !grant.is_grant || defGetBoolean(option) ? MembershipOption::kTrue
                                                        : MembershipOption::kFalse;
    }
#else
    if (grant.admin_opt && strcmp(name, "admin") == 0) said = MembershipOption::kTrue;
#endif
    return said;
}

// MakeWaitEventSet makes a set that lives until it is freed. Since 17, its first argument is a
// resource owner instead of a memory context (50c67c2019a).
inline WaitEventSet* MakeWaitEventSet(int events) {
#if PG_VERSION_NUM >= 170000
    return CreateWaitEventSet(nullptr, events);
#else
    return CreateWaitEventSet(TopMemoryContext, events);
#endif
}

// IsBackgroundWorker: whether a process is neither a session nor an autovacuum worker. 18 marks
// sessions instead of background workers.
inline bool IsBackgroundWorker(const PGPROC& process) {
#if PG_VERSION_NUM >= 180000
    return !process.isRegularBackend && (process.statusFlags & PROC_IS_AUTOVACUUM) == 0;
#else
    return process.isBackgroundWorker;
#endif
}

}  // namespace pganalytics::pg
