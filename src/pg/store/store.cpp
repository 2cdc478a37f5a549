// Store: runs the transaction of a group and decides each push in it.
#include "pg/store/store.hpp"

#include "core/monotonic.hpp"

#include "pg/audit/record.hpp"
#include "pg/audit/refusals.hpp"
#include "pg/base/session.hpp"
#include "pg/base/trouble.hpp"
#include "pg/identity/authenticate.hpp"
#include "pg/store/accounts.hpp"
#include "pg/store/ledger.hpp"
#include "pg/store/metrics/quotas.hpp"
#include "pg/store/metrics/table_locks.hpp"
#include "pg/store/samples.hpp"
#include "pg/store/servers.hpp"

extern "C" {
#include "access/xlog.h"
}

namespace pganalytics::pg {
namespace {

using protocol::Receipt;

// cached_extension is the OID of the extension from whose tables the caches were filled. Another
// OID means that the extension was dropped and created again.
Oid cached_extension = InvalidOid;

void Refuse(Receipt* receipt, uint32_t status, std::string_view message) {
    *receipt = {};
    receipt->status = status;
    receipt->message = message;
}

// StatusOfError returns the status for an ERROR: 422 tells the sender to give up, and 503 tells it
// to retry later.
uint32_t StatusOfError(int sqlstate) {
    switch (ERRCODE_TO_CATEGORY(sqlstate)) {
        case MAKE_SQLSTATE('2', '2', '0', '0', '0'):  // data exception
        case MAKE_SQLSTATE('2', '3', '0', '0', '0'):  // integrity constraint violation
        case MAKE_SQLSTATE('0', '9', '0', '0', '0'):  // a trigger refused
        case MAKE_SQLSTATE('5', '4', '0', '0', '0'):  // program limit exceeded
            return 422;
        default:
            return 503;
    }
}

uint32_t RetryAfter(int sqlstate) {
    switch (ERRCODE_TO_CATEGORY(sqlstate)) {
        case MAKE_SQLSTATE('5', '5', '0', '0', '0'):  // lock not available
        case MAKE_SQLSTATE('4', '0', '0', '0', '0'):  // deadlock, serialization
            return 1;
        case MAKE_SQLSTATE('5', '3', '0', '0', '0'):  // disk or memory full
            return 10;
        default:  // privileges, a missing table: an administrator must act
            return 30;
    }
}

// RefuseForError tells the sender what is wrong with its own push (422), in PostgreSQL's words. Of
// what is wrong here (503) it tells our own words; the log gets PostgreSQL's.
void RefuseForError(PushJob* job, const ErrorData* error) {
    Receipt* const receipt = &job->receipt;
    const uint32_t status = StatusOfError(error->sqlerrcode);
    job->error = error->message == nullptr ? "unknown error" : error->message;
    if (status == 503) {
        Refuse(receipt, status, PublicText(error->sqlerrcode));
        receipt->retry_after_s = RetryAfter(error->sqlerrcode);
    } else {
        Refuse(receipt, status, CutAnswer(job->error));
        if (error->detail != nullptr) receipt->detail = CutAnswer(error->detail);
    }
    memcpy(receipt->sqlstate.data(), unpack_sql_state(error->sqlerrcode), 5);
}

// RefuseForLock refuses a push that needs a table which another session keeps locked. `context`
// must outlive the transaction: the receipt is sent after its end.
void RefuseForLock(Receipt* receipt, const char* table, MemoryContext context) {
    Refuse(receipt, 503, LockedTableText(table, context));
    receipt->retry_after_s = RetryAfter(ERRCODE_LOCK_NOT_AVAILABLE);
    memcpy(receipt->sqlstate.data(), unpack_sql_state(ERRCODE_LOCK_NOT_AVAILABLE), 5);
}

// LockIdentities locks the tables that say who sends a request.
void LockIdentities() {
    for (const char* table : {"collectors", "certificates"}) {
        LockTable(table, AccessShareLock, kRequests);
    }
}

// CheckExtension empties the caches if the extension was dropped and created again. ERROR 42704 if
// the extension does not exist. REQUIRES: a lock on one of its tables, so that nobody can drop it
// from now on.
void CheckExtension() {
    const Oid extension = ExtensionOid();
    if (!OidIsValid(extension)) {
        ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
                errmsg("extension \"%s\" does not exist", kExtension));
    }
    if (extension == cached_extension) return;
    ForgetServers();
    ForgetSamples();
    cached_extension = extension;
}

// CheckSender authenticates the sender of a push again, in the transaction that stores the push. So
// it sees what an administrator has committed since the gateway checked the sender.
void CheckSender(PushJob* job) {
    Holder holder;
    const AuthResult result = Authenticate(job->push.credential, &holder);
    if (result != AuthResult::kGood) {
        job->refusal = result;
        return Refuse(&job->receipt, 403, Reason(result));
    }
    job->max_queries_per_db = holder.max_queries_per_db;
    if (!(holder.collector_id == job->push.collector_id)) {
        job->names_another = true;
        Refuse(&job->receipt, 403, "push comes from another collector than it names");
    }
}

int CompareKeys(const void* a, const void* b) noexcept {
    const auto* const left = *static_cast<PushJob* const*>(a);
    const auto* const right = *static_cast<PushJob* const*>(b);
    if (left->server_id != right->server_id) return left->server_id < right->server_id ? -1 : 1;
    const int order =
        memcmp(left->push.push_key.bytes, right->push.push_key.bytes, sizeof(core::Uuid));
    // The jobs are elements of one array, in the order of arrival. So for equal keys, the order of
    // the pointers is the order of arrival.
    return order != 0 ? order : (left < right ? -1 : 1);
}

// PartOpen copies to `open` the jobs that are not decided and do not wait for another job, and
// returns their number.
int PartOpen(PushJob** jobs, int count, PushJob** open) {
    int kept = 0;
    for (int i = 0; i < count; ++i) {
        if (jobs[i]->receipt.status == 0 && !jobs[i]->duplicate_in_group) open[kept++] = jobs[i];
    }
    return kept;
}

// StoreGroup does the work of a group inside the transaction; docs/inside/architecture.md describes
// the steps.
void StoreGroup(PushJob** jobs, int count, MemoryContext context) {
    auto** const open =
        static_cast<PushJob**>(palloc(sizeof(PushJob*) * static_cast<size_t>(count)));
    for (int i = 0; i < count && AnyLockedTables(); ++i) {
        const char* const table = FindLockedTable(jobs[i]);
        if (table != nullptr) RefuseForLock(&jobs[i]->receipt, table, context);
    }
    int open_count = PartOpen(jobs, count, open);
    if (open_count == 0) return;
    LockIdentities();
    // Lock the servers before the collectors are looked up: rows of a deleted collector or server
    // are cleaned up only while no push holds this lock (sql/retention/forget.sql).
    LockTable("servers", RowExclusiveLock, kPushes);
    for (int i = 0; i < open_count; ++i) CheckSender(open[i]);
    CheckExtension();
    open_count = PartOpen(open, open_count, open);
    if (open_count == 0) return;
    for (const char* table : {"databases", "server_usage", "push_ledger", "push_accounts"}) {
        LockTable(table, RowExclusiveLock, kPushes);
    }
    ResolveServers(open, open_count);

    qsort(open, static_cast<size_t>(open_count), sizeof(PushJob*), CompareKeys);
    LockPushKeys(open, open_count);
    FindReceipts(open, open_count);
    for (int i = 1; i < open_count; ++i) {
        open[i]->duplicate_in_group = open[i]->receipt.status == 0 &&
                                      open[i]->server_id == open[i - 1]->server_id &&
                                      open[i]->push.push_key == open[i - 1]->push.push_key;
    }
    open_count = PartOpen(open, open_count, open);
    if (open_count == 0) return;

    ResolveDatabases(open, open_count);
    StoreSamples(open, open_count, context);
    for (int i = 0; i < open_count; ++i) SumUp(open[i]);
    AddToLedger(open, open_count);
    AddAccounts(open, open_count);
    SaveUsage();
}

// If a lock times out that no LockTable has asked for, such as one on an index or a row, the worker
// cannot know which pushes need it. So for kHurryMs it waits only kHurriedLockTimeout for any lock.
constexpr int64 kHurryMs = 2000;
constexpr char kHurriedLockTimeout[] = "10ms";
core::Timer hurry;

void Hurry() {
    if (hurry.IsDue(core::Instant::Now())) return;
    (void)set_config_option("lock_timeout", kHurriedLockTimeout, PGC_SUSET, PGC_S_OVERRIDE,
                            GUC_ACTION_LOCAL, true, 0, false);
}

// Begin clears what an earlier TryGroup has set in the jobs.
void Begin(PushJob** jobs, int count) {
    for (int i = 0; i < count; ++i) {
        jobs[i]->receipt = {};
        memset(jobs[i]->tallies, 0, sizeof(Tally) * jobs[i]->account_count);
        jobs[i]->duplicate_in_group = false;
        jobs[i]->refusal = AuthResult::kGood;
        jobs[i]->names_another = false;
    }
}

// TryGroup runs one transaction over the jobs. After a commit all jobs are decided, except those
// that wait for an earlier job with the same key. If the transaction failed, TryGroup returns the
// error, otherwise nullptr.
ErrorData* TryGroup(PushJob** jobs, int count, MemoryContext context) {
    Begin(jobs, count);
    ForgetUsage();
    ErrorData* const error = Transact([jobs, count, context] {
        Hurry();
        StoreGroup(jobs, count, context);
    });
    if (error != nullptr) {
        ForgetTouchedServers();
        ForgetTouchedSamples();
        return error;
    }
    CommitServers();
    CommitSamples();
    // If a push is a duplicate, an earlier transaction has stored it. This transaction has seen the
    // row that the earlier one committed, so the WAL of the earlier commit is flushed.
    const XLogRecPtr flushed = GetFlushRecPtr(nullptr);
    const XLogRecPtr committed = Max(XactLastCommitEnd, flushed);
    for (int i = 0; i < count; ++i) {
        // Record refusals only after the commit. If the transaction failed, a retry would record
        // them twice.
        CountAuthRefusal(jobs[i]->refusal, jobs[i]->push.credential);
        if (jobs[i]->names_another) {
            CountRefusal(protocol::RefusalKind::kPushOfAnother, jobs[i]->push.credential);
        }
        Receipt* const receipt = &jobs[i]->receipt;
        if (jobs[i]->duplicate_in_group) continue;
        if (receipt->status == 0) {
            receipt->status = 200;
            receipt->commit_lsn = XactLastCommitEnd;
        } else if (receipt->status == 200) {
            receipt->commit_lsn = committed;
        }
        if (receipt->status == 200) receipt->max_queries_per_db = jobs[i]->max_queries_per_db;
    }
    return nullptr;
}

// TryUnlocked does as TryGroup does. If it has waited for a table in vain, it tries again without
// the jobs that need the table: they are refused.
ErrorData* TryUnlocked(PushJob** jobs, int count, MemoryContext context) {
    constexpr int kMostTables = 4;
    for (int i = 0;; ++i) {
        ErrorData* const error = TryGroup(jobs, count, context);
        if (error == nullptr || error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE) return error;
        if (NoteLockedTable(error) == nullptr)
            hurry.Start(core::Instant::Now(), kHurryMs);
        else if (i < kMostTables)
            continue;
        return error;
    }
}

}  // namespace

void StorePushes(PushJob* jobs, int count, MemoryContext context) {
    MemoryContext const caller = MemoryContextSwitchTo(context);
    auto** const open =
        static_cast<PushJob**>(palloc(sizeof(PushJob*) * static_cast<size_t>(count)));
    for (int i = 0; i < count; ++i) {
        open[i] = &jobs[i];
        jobs[i].receipt = {};
        jobs[i].error = nullptr;
    }
    int left = count;
    while (left > 0) {
        ErrorData* const error = TryUnlocked(open, left, context);
        if (error != nullptr && left == 1) RefuseForError(open[0], error);
        if (error != nullptr && left > 1) {
            for (int i = 0; i < left; ++i) {
                ErrorData* const own = TryUnlocked(&open[i], 1, context);
                if (own != nullptr) RefuseForError(open[i], own);
            }
        }
        // Next, try the jobs that waited for a job with the same key: that job is decided now.
        int waiting = 0;
        for (int i = 0; i < left; ++i) {
            if (open[i]->receipt.status == 0) open[waiting++] = open[i];
        }
        left = waiting;
    }
    MemoryContextSwitchTo(caller);
}

bool AreRequestsLocked(MemoryContext context) {
    if (!AnyLockedTables()) return false;
    MemoryContext const caller = MemoryContextSwitchTo(context);
    const char* table = nullptr;
    ErrorData* const error = Transact([&table] { table = FindLockedTable(nullptr); });
    MemoryContextSwitchTo(caller);
    return error == nullptr && table != nullptr;
}

protocol::AuthReply AnswerAuth(const protocol::AuthRequest& request, WorkerStatus* status,
                               MemoryContext context) {
    MemoryContext const caller = MemoryContextSwitchTo(context);
    protocol::AuthReply reply;
    AuthResult result = AuthResult::kGood;
    ActForCollector(request.credential);
    ErrorData* const error = Transact([&reply, &request, &result, context] {
        if (const char* const table = FindLockedTable(nullptr)) {
            reply.status = 503;
            reply.message = LockedTableText(table, context);
            return;
        }
        LockIdentities();
        Holder holder;
        result = Admit(request, &holder);
        reply.status = result == AuthResult::kGood ? 200 : 403;
        reply.message = Reason(result);
        if (result != AuthResult::kGood) return;
        reply.collector_id = holder.collector_id;
        reply.max_queries_per_db = holder.max_queries_per_db;
    });
    if (error != nullptr) {
        reply = {};
        reply.status = 503;
        const char* const table = NoteLockedTable(error);
        reply.message =
            table != nullptr ? LockedTableText(table, context) : ReportRefused(status, error);
    } else {
        ReportRefused(status, nullptr);
        CountAuthRefusal(result, request.credential);
    }
    EndAuditSubject();
    MemoryContextSwitchTo(caller);
    return reply;
}

}  // namespace pganalytics::pg
