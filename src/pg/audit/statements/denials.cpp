// Audit denials: an ERROR 42501 is recorded in one of two ways.
// Watch: an error context callback, open while a statement runs. PostgreSQL calls it when the ERROR
//   is raised, before anybody can catch the ERROR. Without an ERROR it costs a few assignments.
// OnMessage: the hook for messages (emit_log_hook). It records ERRORs raised while no watch is
//   open, that is, before the statement runs. Nothing in a session can catch these.
#include "pg/audit/statements/denials.hpp"

#include "pg/audit/role.hpp"
#include "pg/audit/statements/hooks.hpp"
#include "pg/audit/statements/login.hpp"
#include "pg/audit/statements/message.hpp"
#include "pg/base/compat.h"

extern "C" {
#include "access/parallel.h"
#include "libpq/libpq-be.h"
#include "tcop/utility.h"
}

namespace pganalytics::pg {
namespace {

emit_log_hook_type previous_emit_log_hook = nullptr;
ExecutorStart_hook_type previous_start_hook = nullptr;
ExecutorRun_hook_type previous_run_hook = nullptr;
ExecutorFinish_hook_type previous_finish_hook = nullptr;

// copy_context holds the copy of an ERROR while the ERROR is handled. The postmaster makes the
// context with its first block, so that a backend need not allocate memory while it handles an
// ERROR.
MemoryContext copy_context = nullptr;
bool recording = false;
bool next_is_recorded = false;

// recorded holds hashes of the ERRORs that a watch has recorded, so that OnMessage recognises these
// ERRORs when they arrive at the server log. A hash covers the place in the source and the message.
uint32 recorded[8];
uint32 recorded_count = 0;

uint32 LookOf(const ErrorData& error) {
    uint32 hash = 2166136261U ^ static_cast<uint32>(error.lineno);
    for (const char* text : {error.filename, static_cast<const char*>(error.message)}) {
        for (; text != nullptr && *text != '\0'; ++text) {
            hash = (hash ^ static_cast<unsigned char>(*text)) * 16777619U;
        }
    }
    return hash;
}

void Remember(const ErrorData& error) {
    recorded[recorded_count % lengthof(recorded)] = LookOf(error);
    ++recorded_count;
}

bool WasRecorded(const ErrorData& error) {
    const uint32 look = LookOf(error);
    for (uint32 i = 0; i < Min(recorded_count, lengthof(recorded)); ++i) {
        if (recorded[i] == look) return true;
    }
    return false;
}

void BeginDenial(AuditRecord* record, Node* statement) {
    BeginAudit(record, protocol::AuditEvent::kPermissionDenied);
    record->outcome = AuditOutcome::kDenied;
    if (statement == nullptr) return;
    AddAuditDetail(record, "command", CreateCommandName(statement));
    // If the check of a setting refuses a value, the message does not say which setting it was. So
    // name the setting here.
    if (IsA(statement, VariableSetStmt)) {
        const char* const name = reinterpret_cast<VariableSetStmt*>(statement)->name;
        SetAuditResource(record, "setting", name == nullptr ? "" : name);
    }
}

// IsSame: both records name the same object. The name from the statement (`about`) has the schema,
// the name from the message (`denial`) does not.
bool IsSame(const AuditRecord& about, const AuditRecord& denial) {
    const std::string_view id = denial.resource_id;
    return id.empty() || std::string_view(about.resource_id).ends_with(id);
}

void RecordDenial(const ErrorData& error, const DenialWatch* watch) {
    AuditRecord record;
    BeginDenial(&record, watch == nullptr ? nullptr : watch->statement);
    DescribeDenial(error, &record);
    if (watch != nullptr && watch->about != nullptr && IsSame(*watch->about, record)) {
        SetAuditResource(&record, watch->about->resource_type, watch->about->resource_id);
    }
    PutAudit(record);
}

void OnError(void* arg) noexcept {
    if (geterrcode() != ERRCODE_INSUFFICIENT_PRIVILEGE) return;
    auto* const watch = static_cast<DenialWatch*>(arg);
    if (watch->heard_by_other) {
        watch->heard_by_other = false;
        return;
    }
    if (recording) return;
    recording = true;
    MemoryContext const caller = MemoryContextSwitchTo(copy_context);
    const ErrorData* const error = CopyErrorData();
    MemoryContextSwitchTo(caller);
    // A WARNING with this SQLSTATE refuses nothing.
    if (error->elevel >= ERROR) {
        // PostgreSQL (errfinish) calls the outer watches next. They must ignore this ERROR. All of
        // them still exist.
        for (ErrorContextCallback* outer = watch->entry.previous; outer != nullptr;
             outer = outer->previous) {
            if (outer->callback == OnError) {
                static_cast<DenialWatch*>(outer->arg)->heard_by_other = true;
            }
        }
        Remember(*error);
        if (next_is_recorded) {
            next_is_recorded = false;
        } else if (watch->holds_back) {
            watch->held = true;
        } else {
            RecordDenial(*error, watch);
        }
    }
    MemoryContextReset(copy_context);
    recording = false;
}

void OnMessage(ErrorData* error) noexcept {
    if (error->elevel >= ERROR && !recording && IsUnderPostmaster && Auditing()) {
        recording = true;
        if (MyProcPort != nullptr && !IsNormalProcessingMode()) {
            if (error->elevel >= FATAL) RecordFailedLogin(*error);
        } else if (error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE && WatchesDenials() &&
                   !WasRecorded(*error) && !next_is_recorded) {
            RecordDenial(*error, nullptr);
        }
        recorded_count = 0;
        next_is_recorded = false;
        recording = false;
    }
    if (previous_emit_log_hook != nullptr) previous_emit_log_hook(error);
}

void Start(QueryDesc* query, int flags) {
    if (previous_start_hook != nullptr) {
        previous_start_hook(query, flags);
    } else {
        standard_ExecutorStart(query, flags);
    }
}

// RecordDeniedPlan records the denial with the relation's schema and the missing privilege, which
// are not in the message. To find them, it reads catalogs while the ERROR is handled. That is safe,
// because PostgreSQL checks privileges before it opens or locks anything. If the reading fails, it
// records only what the message says. The original ERROR is then lost, so it raises a copy.
void RecordDeniedPlan(const QueryDesc* query) {
    MemoryContext const caller = MemoryContextSwitchTo(copy_context);
    ErrorData* const error = CopyErrorData();
    auto* const record = static_cast<AuditRecord*>(palloc(sizeof(AuditRecord)));
    BeginDenial(record, reinterpret_cast<Node*>(query->plannedstmt));
    volatile bool found = false;
    volatile bool failed = false;
    PG_TRY();
    { found = DeniedRelation(query, record); }
    PG_CATCH();
    {
        failed = true;
        FlushErrorState();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(caller);
    if (!found) DescribeDenial(*error, record);
    PutAudit(*record);
    if (failed) ReThrowError(error);
    MemoryContextReset(copy_context);
}

void OnStart(QueryDesc* query, int flags) {
    if (!WatchesDenials()) {
        Start(query, flags);
        return;
    }
    NoteActingRole();
    DenialWatch watch;
    OpenDenialWatch(&watch, nullptr);
    watch.holds_back = true;
    PG_TRY();
    { Start(query, flags); }
    PG_CATCH();
    {
        if (watch.held) RecordDeniedPlan(query);
        PG_RE_THROW();
    }
    PG_END_TRY();
    CloseDenialWatch(&watch);
}

void OnRun(QueryDesc* query, ScanDirection direction, uint64 count, bool once) {
    if (!WatchesDenials()) {
        RunPlan(previous_run_hook, query, direction, count, once);
        return;
    }
    DenialWatch watch;
    OpenDenialWatch(&watch, nullptr);
    RunPlan(previous_run_hook, query, direction, count, once);
    CloseDenialWatch(&watch);
}

void OnFinish(QueryDesc* query) {
    const auto finish = [=] {
        if (previous_finish_hook != nullptr) {
            previous_finish_hook(query);
        } else {
            standard_ExecutorFinish(query);
        }
    };
    if (!WatchesDenials()) {
        finish();
        return;
    }
    DenialWatch watch;
    OpenDenialWatch(&watch, nullptr);
    finish();
    CloseDenialWatch(&watch);
}

}  // namespace

bool WatchesDenials() { return Auditing() && !IsParallelWorker() && ActsForSomebody(); }

void MarkDenialRecorded() { next_is_recorded = true; }

void OpenDenialWatch(DenialWatch* watch, Node* statement) {
    // If recording a denial has failed for lack of memory, `recording` is still true. Reset it when
    // the next statement of the client opens the outermost watch.
    if (error_context_stack == nullptr) recording = false;
    watch->statement = statement;
    watch->about = nullptr;
    watch->holds_back = false;
    watch->held = false;
    watch->heard_by_other = false;
    watch->entry.callback = OnError;
    watch->entry.arg = watch;
    watch->entry.previous = error_context_stack;
    error_context_stack = &watch->entry;
}

void CloseDenialWatch(DenialWatch* watch) {
    error_context_stack = watch->entry.previous;
    // If this was the outermost watch, the client's statement has succeeded: no recorded ERROR will
    // reach the server log.
    if (error_context_stack == nullptr) recorded_count = 0;
}

void InstallDenialHooks() {
    copy_context =
        AllocSetContextCreate(TopMemoryContext, "pganalytics denials", ALLOCSET_DEFAULT_SIZES);
    previous_emit_log_hook = emit_log_hook;
    emit_log_hook = OnMessage;
    previous_start_hook = ExecutorStart_hook;
    ExecutorStart_hook = OnStart;
    previous_run_hook = ExecutorRun_hook;
    ExecutorRun_hook = kRunHook<OnRun>;
    previous_finish_hook = ExecutorFinish_hook;
    ExecutorFinish_hook = OnFinish;
}

}  // namespace pganalytics::pg
