#include "pg/alerts/function_guard.hpp"

#include "pg/base/compat.h"
#include "pg/base/session.hpp"

#include <algorithm>
#include <string_view>

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "nodes/nodeFuncs.h"
#include "utils/acl.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
}

namespace pganalytics::pg {
namespace {

// kReaders are the built-in functions that are VOLATILE and change nothing, in the order of their
// names. Those that only superusers may execute are not on it: they are granted by name or not
// available at all.
constexpr std::string_view kReaders[] = {"clock_timestamp",
                                         "currval",
                                         "cursor_to_xml",
                                         "cursor_to_xmlschema",
                                         "gen_random_uuid",
                                         "lastval",
                                         "pg_blocking_pids",
                                         "pg_collation_actual_version",
                                         "pg_control_checkpoint",
                                         "pg_control_init",
                                         "pg_control_recovery",
                                         "pg_control_system",
                                         "pg_current_wal_flush_lsn",
                                         "pg_current_wal_insert_lsn",
                                         "pg_current_wal_lsn",
                                         "pg_database_collation_actual_version",
                                         "pg_database_size",
                                         "pg_get_multixact_members",
                                         "pg_get_wal_replay_pause_state",
                                         "pg_get_wal_resource_managers",
                                         "pg_indexes_size",
                                         "pg_is_in_recovery",
                                         "pg_is_wal_replay_paused",
                                         "pg_jit_available",
                                         "pg_last_committed_xact",
                                         "pg_last_wal_receive_lsn",
                                         "pg_last_wal_replay_lsn",
                                         "pg_last_xact_replay_timestamp",
                                         "pg_lock_status",
                                         "pg_notification_queue_usage",
                                         "pg_partition_ancestors",
                                         "pg_partition_tree",
                                         "pg_prepared_xact",
                                         "pg_relation_size",
                                         "pg_safe_snapshot_blocking_pids",
                                         "pg_sequence_last_value",
                                         "pg_sleep",
                                         "pg_stat_get_recovery_prefetch",
                                         "pg_stat_get_xact_blocks_fetched",
                                         "pg_stat_get_xact_blocks_hit",
                                         "pg_stat_get_xact_function_calls",
                                         "pg_stat_get_xact_function_self_time",
                                         "pg_stat_get_xact_function_total_time",
                                         "pg_stat_get_xact_numscans",
                                         "pg_stat_get_xact_tuples_deleted",
                                         "pg_stat_get_xact_tuples_fetched",
                                         "pg_stat_get_xact_tuples_hot_updated",
                                         "pg_stat_get_xact_tuples_inserted",
                                         "pg_stat_get_xact_tuples_newpage_updated",
                                         "pg_stat_get_xact_tuples_returned",
                                         "pg_stat_get_xact_tuples_updated",
                                         "pg_stat_have_stats",
                                         "pg_table_size",
                                         "pg_tablespace_size",
                                         "pg_total_relation_size",
                                         "pg_xact_commit_timestamp",
                                         "pg_xact_commit_timestamp_origin",
                                         "pg_xact_status",
                                         "query_to_xml",
                                         "query_to_xml_and_xmlschema",
                                         "query_to_xmlschema",
                                         "random",
                                         "random_normal",
                                         "timeofday",
                                         "ts_rewrite",
                                         "ts_stat",
                                         "txid_status",
                                         "uuidv4",
                                         "uuidv7"};
static_assert(std::is_sorted(std::begin(kReaders), std::end(kReaders)));

bool IsTrusted(Oid language) {
    HeapTuple const tuple = SearchSysCache1(LANGOID, ObjectIdGetDatum(language));
    if (!HeapTupleIsValid(tuple)) return false;
    const bool trusted = reinterpret_cast<Form_pg_language>(GETSTRUCT(tuple))->lanpltrusted;
    ReleaseSysCache(tuple);
    return trusted;
}

// IsGrantedByName: EXECUTE was granted to pganalytics_rules itself, and not only to PUBLIC.
bool IsGrantedByName(HeapTuple function) {
    bool is_null = false;
    const Datum datum = SysCacheGetAttr(PROCOID, function, Anum_pg_proc_proacl, &is_null);
    if (is_null) return false;
    const Oid role = get_role_oid(kRulesRole, true);
    Acl* const acl = DatumGetAclPCopy(datum);
    for (int i = 0; i < ACL_NUM(acl); ++i) {
        const AclItem& item = ACL_DAT(acl)[i];
        if (item.ai_grantee == role && (ACLITEM_GET_PRIVS(item) & ACL_EXECUTE) != 0) return true;
    }
    return false;
}

bool IsAllowed(Oid function) {
    HeapTuple const tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return true;  // dropped meanwhile: the executor says so
    const auto* const form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    const bool allowed =
        form->provolatile != PROVOLATILE_VOLATILE || IsTrusted(form->prolang) ||
        (function < FirstNormalObjectId && form->pronamespace == PG_CATALOG_NAMESPACE &&
         std::binary_search(std::begin(kReaders), std::end(kReaders),
                            std::string_view(NameStr(form->proname)))) ||
        IsGrantedByName(tuple);
    ReleaseSysCache(tuple);
    return allowed;
}

void CheckFunction(Oid function) {
    if (IsAllowed(function)) return;
    const char* const name = format_procedure(function);
    ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
            errmsg("a rule's query may not call function %s", name),
            errdetail("It is volatile, and what it does may outlast the query."),
            errhint("If it only reads, a superuser allows it: GRANT EXECUTE ON FUNCTION %s TO %s.",
                    name, kRulesRole));
}

bool CheckNode(Node* node, void* context) {
    if (node == nullptr) return false;
    (void)check_functions_in_node(
        node,
        [](Oid function, void*) {
            CheckFunction(function);
            return false;
        },
        nullptr);
    if (IsA(node, Query)) {
        return WalkQuery(castNode(Query, node), CheckNode, context);
    }
    return WalkExpression(node, CheckNode, context);
}

bool guarding = false;
object_access_hook_type next_hook = nullptr;

void OnAccess(ObjectAccessType access, Oid catalog, Oid object, int sub_id, void* argument) {
    if (next_hook != nullptr) next_hook(access, catalog, object, sub_id, argument);
    if (guarding && access == OAT_FUNCTION_EXECUTE && catalog == ProcedureRelationId) {
        CheckFunction(object);
    }
}

}  // namespace

void CheckRuleFunctions(Query* query) { (void)WalkQuery(query, CheckNode, nullptr); }

void GuardFunctions(bool guard) {
    static bool installed = false;
    if (!installed) {
        next_hook = object_access_hook;
        object_access_hook = OnAccess;
        installed = true;
    }
    guarding = guard;
}

}  // namespace pganalytics::pg
