// Audit statements: the hook around utility statements.
#include "pg/audit/statements/statements.hpp"

#include "pg/audit/role.hpp"
#include "pg/audit/statements/denials.hpp"
#include "pg/audit/statements/hooks.hpp"

extern "C" {
#include "tcop/utility.h"
}

namespace pganalytics::pg {
namespace {

ProcessUtility_hook_type previous_utility_hook = nullptr;

void PutAll(List* records, const char* sqlstate) {
    ListCell* cell = nullptr;
    foreach (cell, records) {
        auto* const record = static_cast<AuditRecord*>(lfirst(cell));
        record->occurred_at = GetCurrentTimestamp();
        if (sqlstate != nullptr) {
            record->outcome = AuditOutcome::kFailed;
            AddAuditDetail(record, "sqlstate", sqlstate);
        }
        PutAudit(*record);
    }
}

// IsRecorded: the statement gets a record of its own. Parts into which PostgreSQL splits a
// statement get none, because the outer statement's record covers them. For the same reason,
// statements of an extension's script get none. A GRANT within CREATE SCHEMA gets one: no outer
// record covers it.
bool IsRecorded(const Node* statement, ProcessUtilityContext context) {
    return (context != PROCESS_UTILITY_SUBCOMMAND || IsA(statement, GrantStmt)) &&
           !creating_extension && IsTransactionState();
}

template <typename Run>
void RunAndRecord(Node* statement, List* records, DenialWatch* watch, Run&& run) {
    RequireAuditRoom();
    watch->about = static_cast<AuditRecord*>(linitial(records));
    PG_TRY();
    { run(); }
    PG_CATCH();
    {
        // If a privilege is missing, a watch has recorded the denial already.
        const int code = geterrcode();
        if (code != ERRCODE_INSUFFICIENT_PRIVILEGE) PutAll(records, unpack_sql_state(code));
        PG_RE_THROW();
    }
    PG_END_TRY();
    CompleteRoleRecords(statement, records);
    CompleteSettingRecord(statement, static_cast<AuditRecord*>(linitial(records)));
    PutAll(records, nullptr);
}

void OnUtility(PlannedStmt* planned, const char* text, bool read_only_tree,
               ProcessUtilityContext context, ParamListInfo parameters,
               QueryEnvironment* environment, DestReceiver* destination,
               QueryCompletion* completion) {
    const auto run = [=] {
        if (previous_utility_hook != nullptr) {
            previous_utility_hook(planned, text, read_only_tree, context, parameters, environment,
                                  destination, completion);
        } else {
            standard_ProcessUtility(planned, text, read_only_tree, context, parameters, environment,
                                    destination, completion);
        }
    };
    Node* const statement = planned->utilityStmt;
    if (IsA(statement, TransactionStmt) || !WatchesDenials()) {
        run();
        return;
    }
    NoteActingRole();
    DenialWatch watch;
    OpenDenialWatch(&watch, statement);
    List* const records = IsRecorded(statement, context) ? DescribeStatement(statement) : NIL;
    if (records == NIL) {
        run();
    } else {
        RunAndRecord(statement, records, &watch, run);
    }
    CloseDenialWatch(&watch);
}

}  // namespace

AuditRecord* AddStatementRecord(List** records, protocol::AuditEvent event, Node* statement,
                                const char* type, const char* id) {
    auto* const record = static_cast<AuditRecord*>(palloc(sizeof(AuditRecord)));
    BeginAudit(record, event);
    SetAuditResource(record, type, id);
    AddAuditDetail(record, "command", CreateCommandName(statement));
    *records = lappend(*records, record);
    return record;
}

List* DescribeStatement(Node* statement) {
    List* records = NIL;
    (void)(DescribeRoleStatement(statement, &records) ||
           DescribeGrantStatement(statement, &records) ||
           DescribeSettingStatement(statement, &records) ||
           DescribeObjectStatement(statement, &records));
    return records;
}

void InstallStatementHooks() {
    previous_utility_hook = ProcessUtility_hook;
    ProcessUtility_hook = OnUtility;
}

}  // namespace pganalytics::pg
