// Audit ring: Vyukov's bounded queue. Records are numbered. While a slot is free, its `turn` is the
// number of the record that may be put into it. While it holds a record, its `turn` is the number
// of this record plus one.
#include "pg/audit/ring.hpp"

#include "pg/base/guc.hpp"
#include "pg/base/shmem.hpp"

extern "C" {
#include "port/pg_bitutils.h"
}

namespace pganalytics::pg {
namespace {

struct Slot {
    pg_atomic_uint64 turn;
    AuditRecord record;
};

struct Ring {
    uint32 slots;  // a power of two
    TimestampTz made_at;
    pg_atomic_uint64 next;        // number of the next record to put
    pg_atomic_uint64 first;       // number of the oldest record; only the audit worker writes it
    pg_atomic_uint64 lost;        // lost records that the log does not mention yet
    pg_atomic_uint64 lost_since;  // TimestampTz of the first loss that `lost` counts; 0: no loss
    pg_atomic_uint64 lost_ever;   // records lost since the ring was made
    pg_atomic_uint32 asleep;      // 1: the audit worker waits for its latch
    pg_atomic_uint32 woken;       // 1: WakeAuditDrain was called since the worker last waited
    pg_atomic_uint32 served;      // 1: see AuditRingIsServed
    Latch* volatile drain;        // latch of the audit worker, or nullptr; PGPROCs never move
    AuditHead head;               // protected by LockStatus
};

Ring* ring = nullptr;
Slot* slots = nullptr;

uint32 SlotCount() {
    const Size bytes = static_cast<Size>(settings.audit_buffer_kb) * 1024;
    return pg_prevpower2_32(static_cast<uint32>(bytes / sizeof(Slot)));
}

Slot* SlotOf(uint64 number) { return &slots[number & (ring->slots - 1)]; }

// Claim reserves a free slot and returns the number of its record in *number. It returns false if
// no slot is free.
bool Claim(uint64* number) {
    uint64 wanted = pg_atomic_read_u64(&ring->next);
    for (;;) {
        const uint64 turn = pg_atomic_read_u64(&SlotOf(wanted)->turn);
        if (turn == wanted) {
            // If the exchange fails, it sets `wanted` to the current value of `next`.
            if (pg_atomic_compare_exchange_u64(&ring->next, &wanted, wanted + 1)) break;
        } else if (turn < wanted) {
            return false;
        } else {
            wanted = pg_atomic_read_u64(&ring->next);
        }
    }
    *number = wanted;
    return true;
}

void WakeDrain() {
    Latch* const latch = ring->drain;
    if (latch != nullptr && pg_atomic_exchange_u32(&ring->asleep, 0) == 1) SetLatch(latch);
}

void DetachAtExit(int, Datum) { DetachAuditDrain(); }

}  // namespace

Size AuditRingBytes() {
    return add_size(MAXALIGN(sizeof(Ring)), mul_size(SlotCount(), sizeof(Slot)));
}

void StartAuditRing() {
    bool found = false;
    ring = static_cast<Ring*>(ShmemInitStruct("pganalytics audit", AuditRingBytes(), &found));
    slots = reinterpret_cast<Slot*>(reinterpret_cast<char*>(ring) + MAXALIGN(sizeof(Ring)));
    if (found) return;
    *ring = {};
    ring->slots = SlotCount();
    ring->made_at = GetCurrentTimestamp();
    pg_atomic_init_u64(&ring->next, 0);
    pg_atomic_init_u64(&ring->first, 0);
    pg_atomic_init_u64(&ring->lost, 0);
    pg_atomic_init_u64(&ring->lost_since, 0);
    pg_atomic_init_u64(&ring->lost_ever, 0);
    pg_atomic_init_u32(&ring->asleep, 0);
    pg_atomic_init_u32(&ring->woken, 0);
    pg_atomic_init_u32(&ring->served, 0);
    for (uint32 i = 0; i < ring->slots; ++i) pg_atomic_init_u64(&slots[i].turn, i);
}

bool PutAuditRecord(const AuditRecord& record) {
    constexpr long kNapUs = 500;
    if (ring == nullptr) return true;
    uint64 number = 0;
    bool claimed = Claim(&number);
    for (long waited = 0;
         !claimed && ring->drain != nullptr && waited < settings.audit_wait_ms * 1000L;
         waited += kNapUs) {
        WakeDrain();
        pg_usleep(kNapUs);
        claimed = Claim(&number);
    }
    if (!claimed) {
        uint64 never = 0;
        pg_atomic_compare_exchange_u64(&ring->lost_since, &never,
                                       static_cast<uint64>(record.occurred_at));
        pg_atomic_fetch_add_u64(&ring->lost, 1);
        pg_atomic_fetch_add_u64(&ring->lost_ever, 1);
        return false;
    }
    Slot* const slot = SlotOf(number);
    const Size bytes = offsetof(AuditRecord, details) + strlen(record.details) + 1;
    memcpy(&slot->record, &record, bytes);
    pg_write_barrier();
    pg_atomic_write_u64(&slot->turn, number + 1);
    pg_memory_barrier();
    WakeDrain();
    return true;
}

bool AuditRingHasRoom() {
    if (ring == nullptr) return true;
    const uint64 next = pg_atomic_read_u64(&ring->next);
    return pg_atomic_read_u64(&SlotOf(next)->turn) >= next;
}

bool AuditRingIsServed() { return ring != nullptr && pg_atomic_read_u32(&ring->served) == 1; }

void BeginAuditRingService() { pg_atomic_write_u32(&ring->served, 1); }

void EndAuditRingService() {
    if (ring != nullptr) pg_atomic_write_u32(&ring->served, 0);
}

void WakeAuditDrain() {
    pg_atomic_write_u32(&ring->woken, 1);
    pg_memory_barrier();
    WakeDrain();
}

AuditRingUse GetAuditRingUse() {
    if (ring == nullptr) return {};
    // Read `first` before `next`. If records are released in between, the difference is then too
    // large, but never negative.
    const uint64 first = pg_atomic_read_u64(&ring->first);
    const uint64 next = pg_atomic_read_u64(&ring->next);
    const uint64 used = Min(next - Min(first, next), static_cast<uint64>(ring->slots));
    return {ring->slots, static_cast<uint32>(used), pg_atomic_read_u64(&ring->lost_ever)};
}

const AuditRecord* PeekAuditRecord(uint32 place) {
    const uint64 number = pg_atomic_read_u64(&ring->first) + place;
    Slot* const slot = SlotOf(number);
    if (pg_atomic_read_u64(&slot->turn) != number + 1) return nullptr;
    pg_read_barrier();
    return &slot->record;
}

void ReleaseAuditRecords(uint32 count) {
    uint64 number = pg_atomic_read_u64(&ring->first);
    for (const uint64 end = number + count; number != end; ++number) {
        pg_memory_barrier();
        pg_atomic_write_u64(&SlotOf(number)->turn, number + ring->slots);
    }
    pg_atomic_write_u64(&ring->first, number);
}

uint64 LostAuditRecords(TimestampTz* since) {
    *since = static_cast<TimestampTz>(pg_atomic_read_u64(&ring->lost_since));
    return pg_atomic_read_u64(&ring->lost);
}

void ForgetLostAuditRecords(uint64 count) {
    pg_atomic_write_u64(&ring->lost_since, 0);
    // Records that were lost meanwhile did not set lost_since, because it was still set. Set it for
    // them.
    if (pg_atomic_fetch_sub_u64(&ring->lost, static_cast<int64>(count)) != count) {
        uint64 never = 0;
        pg_atomic_compare_exchange_u64(&ring->lost_since, &never,
                                       static_cast<uint64>(GetCurrentTimestamp()));
    }
}

void AttachAuditDrain() {
    static bool registered = false;
    if (!registered) before_shmem_exit(DetachAtExit, 0);
    registered = true;
    ring->drain = MyLatch;
}

void DetachAuditDrain() { ring->drain = nullptr; }

void WaitForAuditRecords(long timeout_ms) {
    pg_atomic_write_u32(&ring->asleep, 1);
    pg_memory_barrier();
    // Look once more: a producer that put a record before it saw `asleep` woke nobody.
    if (PeekAuditRecord(0) == nullptr && pg_atomic_exchange_u32(&ring->woken, 0) == 0) {
        WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout_ms,
                  PG_WAIT_EXTENSION);
    }
    pg_atomic_write_u32(&ring->asleep, 0);
    ResetLatch(MyLatch);
}

AuditHead GetAuditHead() {
    if (ring == nullptr) return {};
    LockStatus();
    const AuditHead head = ring->head;
    UnlockStatus();
    return head;
}

void SetAuditHead(const AuditHead& head) {
    LockStatus();
    ring->head = head;
    UnlockStatus();
}

TimestampTz AuditRingMadeAt() { return ring->made_at; }

}  // namespace pganalytics::pg
