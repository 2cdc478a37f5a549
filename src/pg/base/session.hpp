// Session: what a worker does in its database: it connects, looks for the extension, drops
// privileges, and runs transactions.
#pragma once

#include "pg/base/prelude.hpp"
#include "pg/base/try.hpp"

namespace pganalytics::pg {

inline constexpr char kExtension[] = "pganalytics";
inline constexpr char kSchema[] = "pganalytics";
inline constexpr char kIngestRole[] = "pganalytics_ingest";
inline constexpr char kMaintenanceRole[] = "pganalytics_maintenance";
inline constexpr char kAuditRole[] = "pganalytics_audit";
inline constexpr char kAlertsRole[] = "pganalytics_alerts";
// The queries of alert rules run as this role; nobody is a member of it.
inline constexpr char kRulesRole[] = "pganalytics_rules";
inline constexpr char kApiRole[] = "pganalytics_api";

// ConnectToDatabase connects the worker to the database that pganalytics.database names. FATAL if
// there is no such database.
void ConnectToDatabase();

// ExtensionOid returns the extension's OID or InvalidOid. REQUIRES: a transaction.
Oid ExtensionOid();

// RestoreRuns: a session restores this database. Its application_name begins with "pg_restore", and
// its user is a superuser or owns the database, so that nobody else can stop the workers by this
// name. REQUIRES: a transaction.
bool RestoreRuns();

// BecomeRole makes a role the session's user, for the rest of the process. If the role does not
// exist, it returns false and sets *why to a reason to show. It raises any ERROR of the look-up.
// REQUIRES: no transaction.
bool BecomeRole(const char* name, const char** why);

// KeepCommitsDurable raises synchronous_commit to 'local' if it is 'off', because an acknowledged
// push must survive a crash. Call it at start and after each reload.
void KeepCommitsDurable();

// PlanForReports allows the planner all kinds of plans until the transaction ends.
// ConnectToDatabase has disabled all plans but look-ups by key. REQUIRES: a transaction.
void PlanForReports();

// Transact runs fn() in a transaction, with SPI connected and a snapshot active. Returns nullptr
// after a commit. After an ERROR it aborts the transaction and returns the error, copied into the
// caller's memory context. REQUIRES: the same as Try.
template <typename Fn>
ErrorData* Transact(Fn&& fn) {
    MemoryContext const caller = CurrentMemoryContext;
    SetCurrentStatementStartTimestamp();
    ErrorData* const error = Try([&fn] {
        StartTransactionCommand();
        PushActiveSnapshot(GetTransactionSnapshot());
        if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "could not connect to SPI");
        fn();
        SPI_finish();
        PopActiveSnapshot();
        CommitTransactionCommand();
    });
    if (error != nullptr) AbortCurrentTransaction();
    MemoryContextSwitchTo(caller);
    return error;
}

}  // namespace pganalytics::pg
