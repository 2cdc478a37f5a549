// Audit worker: a loop of group commits. A record leaves the ring after the commit that has stored
// it, so that a worker that ends in between leaves it to its successor.
#include "bgworker/audit_worker.hpp"

#include "bgworker/worker.hpp"
#include "pg/audit.hpp"
#include "pg/audit_store.hpp"
#include "pg/session.hpp"

namespace pganalytics::bgworker {
namespace {

constexpr long kTurnMs = 100;
constexpr uint32 kMaxGroup = 256;
constexpr long kRetryMs = 1000;

// Drain stores what is in the ring. False if it could not be stored; it stays there.
bool Drain(pg::WorkerStatus* status, MemoryContext context) {
    for (;;) {
        const pg::AuditRecord* records[kMaxGroup];
        uint32 count = 0;
        while (count < kMaxGroup && (records[count] = pg::PeekAuditRecord(count)) != nullptr) {
            ++count;
        }
        if (count == 0) return true;
        MemoryContextReset(context);
        MemoryContext const caller = MemoryContextSwitchTo(context);
        pg::AuditHead head = pg::GetAuditHead();
        ErrorData* const error =
            pg::Transact([&] { pg::StoreAuditRecords(records, count, &head); });
        MemoryContextSwitchTo(caller);
        if (error != nullptr) {
            if (strcmp(status->last_error, error->message) != 0) {
                ereport(WARNING, errcode(error->sqlerrcode),
                        errmsg("pganalytics could not write the audit log: %s", error->message));
            }
            pg::SetError(status, error->message);
            return false;
        }
        pg::SetAuditHead(head);
        pg::ReleaseAuditRecords(count);
        pg::UpdateStatus(status, [count](pg::WorkerStatus* s) {
            ++s->commits;
            s->rows += count;
        });
    }
}

}  // namespace

void RunAuditWorker() {
    pg::WorkerStatus* const status = Begin(pg::WorkerKind::kAudit, 0);
    pg::ConnectToDatabase();
    if (!AwaitExtension(status, pg::kAuditRole)) return;
    MemoryContext const context =
        AllocSetContextCreate(TopMemoryContext, "pganalytics audit", ALLOCSET_DEFAULT_SIZES);
    pg::AttachAuditDrain();
    pg::SetState(status, pg::WorkerState::kRunning);
    Report("waiting for events");
    while (!Stopping()) {
        const bool stored = Drain(status, context);
        if (!stored && !ExtensionExists()) return;
        if (stored) {
            pg::WaitForAuditRecords(kTurnMs);
        } else {
            Sleep(kRetryMs);
        }
        HandleInterrupts();
    }
    Drain(status, context);
}

}  // namespace pganalytics::bgworker
