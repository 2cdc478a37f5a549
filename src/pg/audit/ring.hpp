// Audit ring: a queue in shared memory that takes records from every process of the server to the
// audit worker. Producers need no lock: a process may put a record while it holds locks, when it
// has just raised an ERROR, or if it has no PGPROC.
#pragma once

#include "core/types.hpp"
#include "pg/base/prelude.hpp"
#include "protocol/audit_events.hpp"

namespace pganalytics::pg {

// AuditSource: where the event came from. AuditOutcome: how the action ended.
enum class AuditSource : uint8 { kSession, kApi, kCollectors, kServer };
enum class AuditOutcome : uint8 { kSuccess, kDenied, kFailed };

// AuditRecord is one event. record.hpp writes its texts: they end with a zero, and are UTF-8
// without control characters. `details` is a JSON object without its closing brace, "" for none.
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

// AuditHead is the last row of a log: its number, hash and time. Number 0: the log has no rows.
// `database` and `log`, the OID of its table, identify the log: each CREATE EXTENSION makes another
// one.
struct AuditHead {
    Oid database;
    Oid log;
    int64 id;
    TimestampTz recorded_at;
    core::Sha256 hash;
};

// AuditRingBytes returns the size of the ring in shared memory. StartAuditRing makes the ring or
// attaches to it (shmem.cpp).
Size AuditRingBytes();
void StartAuditRing();

// PutAuditRecord puts a record into the ring. If the ring is full, it waits at most
// pganalytics.audit_wait, and only while the audit worker is attached. Returns false if no room
// appeared: the record is counted as lost, and the audit worker records the gap. Raises no ERROR,
// takes no lock. Without shared memory it does nothing and returns true.
bool PutAuditRecord(const AuditRecord& record);

// AuditRingHasRoom: a record put now would find room.
bool AuditRingHasRoom();

// AuditRingUse counts the ring's slots, the records in it that are not committed to the log yet,
// and the records lost since the ring was made. All zero without shared memory.
struct AuditRingUse {
    uint32 slots;
    uint32 used;
    uint64 lost;
};
AuditRingUse GetAuditRingUse();

// Only the audit worker calls the functions from here to WaitForAuditRecords. PeekAuditRecord
// returns the record at a place counted from the oldest, nullptr if there is none yet. Records stay
// until ReleaseAuditRecords frees the `count` oldest. So the next audit worker finds what this one
// has not committed.
const AuditRecord* PeekAuditRecord(uint32 place);
void ReleaseAuditRecords(uint32 count);

// LostAuditRecords returns how many lost records are not in the log yet, and when the first of them
// was lost. ForgetLostAuditRecords subtracts `count` that the log now mentions.
uint64 LostAuditRecords(TimestampTz* since);
void ForgetLostAuditRecords(uint64 count);

// AttachAuditDrain makes producers wake this process, until it ends or detaches.
// WaitForAuditRecords sleeps until there is a record, the latch is set, or the timeout has passed.
void AttachAuditDrain();
void DetachAuditDrain();
void WaitForAuditRecords(long timeout_ms);

// The last row that the audit worker has committed since the server started; log 0: none yet.
AuditHead GetAuditHead();
void SetAuditHead(const AuditHead& head);

// AuditRingMadeAt returns the time since which the ring keeps events. If any process crashes,
// PostgreSQL makes a new, empty ring.
TimestampTz AuditRingMadeAt();

}  // namespace pganalytics::pg
