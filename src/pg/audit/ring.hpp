// Audit ring: records of the audit log on their way from every process of the server to the audit
// worker, in shared memory. Any number of producers, without a lock: one that holds locks, that has
// just raised an ERROR or that has no PGPROC may put a record.
#pragma once

#include "core/types.hpp"
#include "pg/base/prelude.hpp"
#include "protocol/audit_events.hpp"

namespace pganalytics::pg {

// AuditSource: who tells. AuditOutcome: what became of what was asked for.
enum class AuditSource : uint8 { kSession, kApi, kCollectors, kServer };
enum class AuditOutcome : uint8 { kSuccess, kDenied, kFailed };

// AuditRecord is one event. Texts end with a zero; they are UTF-8 without control characters, as
// audit/record.hpp writes them. `details` is a JSON object without its closing brace, "" for none.
struct AuditRecord {
    TimestampTz occurred_at;
    protocol::AuditEvent event;
    AuditSource source;
    AuditOutcome outcome;
    int32 pid;
    char actor[NAMEDATALEN];
    char role[NAMEDATALEN];
    char address[64];
    char application[NAMEDATALEN];
    char database[NAMEDATALEN];
    char correlation_id[48];
    char resource_type[32];
    char resource_id[256];
    char details[1344];
};

// AuditHead is the last row of a log: its number, hash and time. Number 0: it has no rows. The log
// itself is named by its database and table: CREATE EXTENSION makes another one.
struct AuditHead {
    Oid database;
    Oid log;
    int64 id;
    TimestampTz recorded_at;
    core::Sha256 hash;
};

// AuditRingBytes is the shared memory it takes; StartAuditRing makes it (shmem.cpp).
Size AuditRingBytes();
void StartAuditRing();

// PutAuditRecord waits for room at most pganalytics.audit_wait, and only while somebody drains.
// False if there was none: the record is counted as lost, and the drain tells of the gap. Raises no
// ERROR, takes no lock. Without shared memory it does nothing and gives true.
bool PutAuditRecord(const AuditRecord& record);

// AuditRingHasRoom: a record put now would find room.
bool AuditRingHasRoom();

// AuditRingUse is what the ring holds: of so many slots, records put and not committed yet, and how
// many were lost since it was made. All zero without shared memory.
struct AuditRingUse {
    uint32 slots;
    uint32 used;
    uint64 lost;
};
AuditRingUse GetAuditRingUse();

// The rest is for the audit worker alone. PeekAuditRecord gives the record at a place from the
// oldest on, nullptr if it is not there (yet); it stays until ReleaseAuditRecords gives so many of
// the oldest back. So what was not committed is there for the worker's successor.
const AuditRecord* PeekAuditRecord(uint32 place);
void ReleaseAuditRecords(uint32 count);

// LostAuditRecords gives how many records were lost, and when the first of them was, until
// ForgetLostAuditRecords takes off so many that were told of.
uint64 LostAuditRecords(TimestampTz* since);
void ForgetLostAuditRecords(uint64 count);

// AttachAuditDrain makes producers wake this process, until it ends or detaches.
// WaitForAuditRecords sleeps until a record is there, the latch is set, or the time is over.
void AttachAuditDrain();
void DetachAuditDrain();
void WaitForAuditRecords(long timeout_ms);

// Of the last row that this server's worker has committed; log 0 after a start of the server.
AuditHead GetAuditHead();
void SetAuditHead(const AuditHead& head);

// AuditRingMadeAt: since when events are kept. A crash of any process makes the ring anew.
TimestampTz AuditRingMadeAt();

}  // namespace pganalytics::pg
