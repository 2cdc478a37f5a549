// Audit ring: a queue in shared memory. Every process of the server puts records into it, and the
// audit worker takes them out. Producers take no lock, so that a process can put a record while it
// holds locks, when it has just raised an ERROR, or if it has no PGPROC.
#pragma once

#include "core/types.hpp"
#include "pg/base/prelude.hpp"
#include "protocol/audit_events.hpp"

namespace pganalytics::pg {

// AuditSource: where the event came from. AuditOutcome: how the action ended.
enum class AuditSource : uint8 { kSession, kApi, kCollectors, kServer };
enum class AuditOutcome : uint8 { kSuccess, kDenied, kFailed };

// AuditRecord is one event. The functions of record.hpp write its texts: each ends with a zero
// byte, and is UTF-8 without control characters. `details` is a JSON object without its closing
// brace, "" for none.
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

// AuditHead describes the last row of a log: its number, hash and time. Number 0: the log has no
// rows. `database` and `log` (the OID of the log's table) identify the log, because each CREATE
// EXTENSION makes a new log.
struct AuditHead {
    Oid database;
    Oid log;
    int64 id;
    TimestampTz recorded_at;
    core::Sha256 hash;
};

// AuditRingBytes returns the size of the ring in shared memory. StartAuditRing makes the ring or
// attaches to it. The hooks in shmem.cpp call both.
Size AuditRingBytes();
void StartAuditRing();

// PutAuditRecord puts a record into the ring and returns true. If the ring is full, it waits for
// room up to pganalytics.audit_wait, but only while the audit worker is attached. If there is still
// no room, it counts the record as lost and returns false; the audit worker then records the gap.
// It raises no ERROR and takes no lock. Without shared memory it only returns true.
bool PutAuditRecord(const AuditRecord& record);

// AuditRingHasRoom: the ring has room for one more record.
bool AuditRingHasRoom();

// AuditRingIsServed: an audit worker has begun to empty the ring since the ring was made, and its
// log is still there. If not, nobody may ever empty a full ring: the extension was not created yet
// or was dropped, or the server is a standby. The audit worker calls BeginAuditRingService.
// EndAuditRingService says that the log, or its database, does not exist any more.
bool AuditRingIsServed();
void BeginAuditRingService();
void EndAuditRingService();

// WakeAuditDrain wakes the audit worker for something that is not in the ring.
void WakeAuditDrain();

// AuditRingUse has three counts: the ring's slots, the records in it that are not committed to the
// log yet, and the records lost since the ring was made. All are zero without shared memory.
struct AuditRingUse {
    uint32 slots;
    uint32 used;
    uint64 lost;
};
AuditRingUse GetAuditRingUse();

// Only the audit worker calls the functions from here to WaitForAuditRecords.

// PeekAuditRecord returns the record at `place` (0: the oldest), or nullptr if none is there yet.
const AuditRecord* PeekAuditRecord(uint32 place);
// ReleaseAuditRecords removes the `count` oldest records. Call it after their rows are committed:
// if the worker ends before that, the next worker still finds them in the ring.
void ReleaseAuditRecords(uint32 count);

// LostAuditRecords returns how many lost records the log does not mention yet, and in *since when
// the first of them was lost. ForgetLostAuditRecords subtracts the `count` that the log now
// mentions.
uint64 LostAuditRecords(TimestampTz* since);
void ForgetLostAuditRecords(uint64 count);

// AttachAuditDrain makes producers wake this process when they put a record, until it ends or calls
// DetachAuditDrain. WaitForAuditRecords sleeps until there is a record, WakeAuditDrain was called,
// the latch is set, or the timeout has passed.
void AttachAuditDrain();
void DetachAuditDrain();
void WaitForAuditRecords(long timeout_ms);

// GetAuditHead returns the last row that the audit worker has committed since the server started;
// `log` is 0 if there is none yet. SetAuditHead stores this row.
AuditHead GetAuditHead();
void SetAuditHead(const AuditHead& head);

// AuditRingMadeAt returns when the ring was made. After a crash of any process PostgreSQL makes a
// new, empty ring; the events in the old ring are gone.
TimestampTz AuditRingMadeAt();

}  // namespace pganalytics::pg
