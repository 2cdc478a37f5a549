// Identity state: a trigger notices changes, and a callback increments the version after the
// commit.
#include "pg/identity/identity_state.hpp"

#include "pg/base/shmem.hpp"

extern "C" {
#include "access/xact.h"
#include "commands/trigger.h"
}

namespace pganalytics::pg {
namespace {

bool callback_registered = false;
bool changed = false;  // true if this process's current transaction has changed an identity table

// AtXactEvent increments the version after the commit. If it did so before the commit, a worker
// could read the new version and still find the old rows. It refuses PREPARE TRANSACTION, because
// COMMIT PREPARED may run in another session, where this callback would not notice the commit.
void AtXactEvent(XactEvent event, void*) {
    switch (event) {
        case XACT_EVENT_PRE_PREPARE:
            if (!changed) break;
            ereport(
                ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                errmsg("cannot PREPARE a transaction that has changed identities of pganalytics"),
                errhint("Use COMMIT: a revocation must be known to all workers at once."));
            break;
        case XACT_EVENT_COMMIT:
        case XACT_EVENT_PARALLEL_COMMIT:
            if (changed) BumpIdentity();
            changed = false;
            break;
        case XACT_EVENT_ABORT:
        case XACT_EVENT_PARALLEL_ABORT:
            changed = false;
            break;
        default:
            break;
    }
}

void NoteChange() {
    if (!callback_registered) RegisterXactCallback(AtXactEvent, nullptr);
    callback_registered = true;
    changed = true;
}

}  // namespace

uint64 IdentityVersion() { return pg_atomic_read_u64(&Shared()->identity_version); }

void BumpIdentity() {
    if (!SharedMemoryReady()) return;
    pg_atomic_fetch_add_u64(&Shared()->identity_version, 1);
    WakeWorkers();
}

uint64 PkiVersion() { return pg_atomic_read_u64(&Shared()->pki_version); }

void PublishPki(uint64 fingerprint) {
    SharedState* const shared = Shared();
    if (PkiVersion() != 0 && shared->pki_fingerprint == fingerprint) return;
    shared->pki_fingerprint = fingerprint;
    pg_atomic_fetch_add_u64(&shared->pki_version, 1);
    WakeWorkers();
}

uint64 PkiFingerprint() { return Shared()->pki_fingerprint; }

bool IssuingFails() { return pg_atomic_read_u32(&Shared()->issuing_fails) != 0; }

void ShowIssuing(bool works) { pg_atomic_write_u32(&Shared()->issuing_fails, works ? 0 : 1); }

bool PkiServed() {
    WorkerStatus statuses[kMaxWorkers];
    const int count = CopyStatuses(statuses);
    const uint64 newest = PkiVersion();
    for (int i = 0; i < count; ++i) {
        if (statuses[i].pki_version != 0 && statuses[i].pki_version != newest) return false;
    }
    return true;
}

void ShowPki(WorkerStatus* status, uint64 version) {
    if (status->pki_version == version) return;
    UpdateStatus(status, [version](WorkerStatus* s) { s->pki_version = version; });
    WakeWorkers();
}

}  // namespace pganalytics::pg

extern "C" {

PG_FUNCTION_INFO_V1(pganalytics_identity_changed);

// pganalytics_identity_changed is an AFTER trigger, for each statement, on every identity table.
Datum pganalytics_identity_changed(PG_FUNCTION_ARGS) {
    if (!CALLED_AS_TRIGGER(fcinfo)) {
        ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                errmsg("pganalytics.identity_changed() can only be called as a trigger"));
    }
    pganalytics::pg::NoteChange();
    PG_RETURN_POINTER(nullptr);
}

}  // extern "C"
