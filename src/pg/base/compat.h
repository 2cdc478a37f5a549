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
#include "nodes/nodeFuncs.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/datetime.h"
#include "utils/guc_tables.h"
}

namespace pganalytics::pg {

// InsertIndexTuples inserts a row's entries into the indexes of its table. It hides the argument
// that PostgreSQL 16 added to ExecInsertIndexTuples (onlySummarizing, 19d8e2308bc).
inline void InsertIndexTuples(ResultRelInfo* relinfo, TupleTableSlot* slot, EState* estate) {
#if PG_VERSION_NUM >= 160000
    list_free(ExecInsertIndexTuples(relinfo, slot, estate, false, false, nullptr, NIL, false));
#else
    list_free(ExecInsertIndexTuples(relinfo, slot, estate, false, false, nullptr, NIL));
#endif
}

// JsonActionResult is the return type of a callback of pg_parse_json. Before PostgreSQL 16 it is
// void.
#if PG_VERSION_NUM >= 160000
using JsonActionResult = JsonParseErrorType;
inline JsonActionResult JsonActionDone() { return JSON_SUCCESS; }
#else
using JsonActionResult = void;
inline JsonActionResult JsonActionDone() {}
#endif

// WalkQuery and WalkExpression call `walker` for each node of a query or expression. Before
// PostgreSQL 16 the type of the walker had no prototype (1c27d16e6e5).
using TreeWalker = bool (*)(Node*, void*);
#if PG_VERSION_NUM >= 160000
inline bool WalkQuery(Query* query, TreeWalker walker, void* context) {
    return query_tree_walker(query, walker, context, 0);
}
inline bool WalkExpression(Node* node, TreeWalker walker, void* context) {
    return expression_tree_walker(node, walker, context);
}
#else
// GCC lets any pointer to a function be cast to void (*)().
inline auto OldWalker(TreeWalker walker) {
    return reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(walker));
}
inline bool WalkQuery(Query* query, TreeWalker walker, void* context) {
    return query_tree_walker(query, OldWalker(walker), context, 0);
}
inline bool WalkExpression(Node* node, TreeWalker walker, void* context) {
    return expression_tree_walker(node, OldWalker(walker), context);
}
#endif

// MakeJsonLexer makes a lexer for `size` bytes of UTF-8. Since PostgreSQL 17, the caller may pass
// memory for the lexer as the first argument. nullptr lets PostgreSQL allocate it.
inline JsonLexContext* MakeJsonLexer(char* json, int size) {
#if PG_VERSION_NUM >= 170000
    return makeJsonLexContextCstringLen(nullptr, json, static_cast<size_t>(size), PG_UTF8, true);
#else
    return makeJsonLexContextCstringLen(json, size, PG_UTF8, true);
#endif
}

// MayConnect: the role has the CONNECT privilege on this database. Since PostgreSQL 16, one
// function checks the privileges on all kinds of objects.
inline bool MayConnect(Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_aclcheck(DatabaseRelationId, MyDatabaseId, role, ACL_CONNECT) == ACLCHECK_OK;
#else
    return pg_database_aclcheck(MyDatabaseId, role, ACL_CONNECT) == ACLCHECK_OK;
#endif
}

// ConfigVariables returns all settings in the order of their names, and sets *count to their
// number. Since PostgreSQL 16, get_guc_variables sets the number itself (3057465acfb).
inline config_generic** ConfigVariables(int* count) {
#if PG_VERSION_NUM >= 160000
    return get_guc_variables(count);
#else
    *count = GetNumConfigOptions();
    return get_guc_variables();
#endif
}

// AllocateGucExtra allocates the memory that a check hook returns in `extra`. It returns nullptr if
// memory is exhausted. PostgreSQL frees this memory: before 16 with free(), since 16 with
// guc_free() (407b50f2d42).
inline void* AllocateGucExtra(size_t bytes) {
#if PG_VERSION_NUM >= 160000
    return guc_malloc(LOG, bytes);
#else
    return malloc(bytes);
#endif
}

// ReadTimestampTz parses a point in time, as check_recovery_target_time() does. Returns false if
// the text is not a time or is infinite. Raises no ERROR.
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

// AuthenticatedIdentity returns the identity that the client has proved, or nullptr if there is
// none. Since 16, PostgreSQL no longer keeps it in the Port.
inline const char* AuthenticatedIdentity([[maybe_unused]] const Port& port) {
#if PG_VERSION_NUM >= 160000
    return MyClientConnectionInfo.authn_id;
#else
    return port.authn_id;
#endif
}

// MembershipOption is what a GRANT or REVOKE of a role says about one option of the membership.
// kUnsaid: it does not mention the option. GRANT sets the option to true or false. For REVOKE,
// kTrue means that only the option is revoked and the membership stays.
enum class MembershipOption { kUnsaid, kTrue, kFalse };

// OptionOf reads the option "admin", "inherit" or "set". Before PostgreSQL 16, only "admin" exists.
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

// MakeWaitEventSet makes a set that lives until the caller frees it. Since PostgreSQL 17, the first
// argument of CreateWaitEventSet is a resource owner instead of a memory context (50c67c2019a).
inline WaitEventSet* MakeWaitEventSet(int events) {
#if PG_VERSION_NUM >= 170000
    return CreateWaitEventSet(nullptr, events);
#else
    return CreateWaitEventSet(TopMemoryContext, events);
#endif
}

// IsBackgroundWorker: the process is a background worker. Since PostgreSQL 18, nothing marks
// background workers; only sessions and autovacuum workers are marked. So on 18, every process
// without such a mark counts as a background worker.
inline bool IsBackgroundWorker(const PGPROC& process) {
#if PG_VERSION_NUM >= 180000
    return !process.isRegularBackend && (process.statusFlags & PROC_IS_AUTOVACUUM) == 0;
#else
    return process.isBackgroundWorker;
#endif
}

// PrivilegeEntry says which privileges a plan needs on one relation. PrivilegeEntries returns the
// list of a plan that holds these entries:
//   since PostgreSQL 16  a list of its own (a61b1f74823)
//   before               the range table. It also has entries that are no relations; for these,
//                        NeedsPrivileges returns false.
// The fields have the same names in both.
#if PG_VERSION_NUM >= 160000
using PrivilegeEntry = RTEPermissionInfo;
inline const List* PrivilegeEntries(const PlannedStmt& plan) { return plan.permInfos; }
inline bool NeedsPrivileges(const PrivilegeEntry& entry) { return entry.requiredPerms != 0; }
#else
using PrivilegeEntry = RangeTblEntry;
inline const List* PrivilegeEntries(const PlannedStmt& plan) { return plan.rtable; }
inline bool NeedsPrivileges(const PrivilegeEntry& entry) {
    return entry.rtekind == RTE_RELATION && entry.requiredPerms != 0;
}
#endif

// kRunHook is a hook for ExecutorRun that calls kRun(query, direction, count, once). RunPlan calls
// the hook that was installed before (`next`); if that is nullptr, it calls standard_ExecutorRun.
// PostgreSQL 18 has removed the argument `once` (3eea7a0c97e). There kRunHook passes false for it,
// and RunPlan ignores it.
#if PG_VERSION_NUM >= 180000
template <auto kRun>
inline constexpr ExecutorRun_hook_type kRunHook =
    [](QueryDesc* query, ScanDirection direction, uint64 count) {
        kRun(query, direction, count, false);
    };
#else
template <auto kRun>
inline constexpr ExecutorRun_hook_type kRunHook = kRun;
#endif

inline void RunPlan(ExecutorRun_hook_type next, QueryDesc* query, ScanDirection direction,
                    uint64 count, [[maybe_unused]] bool once) {
    ExecutorRun_hook_type const run = next == nullptr ? standard_ExecutorRun : next;
#if PG_VERSION_NUM >= 180000
    run(query, direction, count);
#else
    run(query, direction, count, once);
#endif
}

}  // namespace pganalytics::pg
