// Audit counted: five tallies in shared memory, under one spinlock. A tally has the counts and the
// decision when they are due; beside it stands the record of each place.
#include "pg/audit/counted.hpp"

#include "core/address.hpp"
#include "core/monotonic.hpp"
#include "core/siphash.hpp"
#include "core/tally.hpp"
#include "protocol/audit_kinds.hpp"

extern "C" {
#include "storage/spin.h"
}

namespace pganalytics::pg {
namespace {

// Key: a hash of the record, 0 for what an owner's or a kind's events have in common. The hashes
// have a secret key, so nobody can make an event that is counted as another one.
struct Key {
    uint64 record;
    uint64 owner;
    uint32 kind;

    size_t Kind() const { return kind; }
    uint64 Owner() const { return owner; }
    Key OfOwner() const { return {0, owner, kind}; }
    Key Rest() const { return {0, 0, kind}; }
    friend bool operator==(const Key&, const Key&) = default;
};

// The events of a kind have event, source and outcome in common.
constexpr size_t kSources = 3;  // an event of the server itself is never counted

template <size_t kSlots, size_t kKinds>
struct Counts {
    core::Tally<Key, kSlots, kKinds> tally;
    AuditRecord records[kSlots + kKinds];
};

// A role has up to 20 denied objects of its own at a time (a quarter of the slots): as many as make
// the rule unusual_access fire by default.
struct State {
    slock_t lock;
    core::SipKey secret;
    Counts<80, kSources> denials;
    Counts<64, kSources * protocol::kAuditKinds> failures;
    Counts<64, kSources> logins;
    Counts<80, kSources * protocol::kRefusalKinds> refusals;
    Counts<64, kSources> refreshes;
};

constexpr AuditTally kTallies[] = {AuditTally::kDenials, AuditTally::kFailures, AuditTally::kLogins,
                                   AuditTally::kRefusals, AuditTally::kRefreshes};

State* state = nullptr;

template <typename Visit>
auto WithCounts(AuditTally tally, Visit&& visit) {
    switch (tally) {
        case AuditTally::kDenials:
            return visit(state->denials);
        case AuditTally::kFailures:
            return visit(state->failures);
        case AuditTally::kLogins:
            return visit(state->logins);
        case AuditTally::kRefusals:
            return visit(state->refusals);
        case AuditTally::kRefreshes:
            break;
    }
    return visit(state->refreshes);
}

int64 NowMs() { return core::Instant::Now().ms(); }

void CopyRecord(const AuditRecord& record, AuditRecord* copy) {
    memcpy(copy, &record, offsetof(AuditRecord, details) + strlen(record.details) + 1);
}

uint64 HashOf(const AuditRecord& record) {
    char text[sizeof(AuditRecord) + 16];
    text[0] = static_cast<char>(record.event);
    text[1] = static_cast<char>(record.source);
    text[2] = static_cast<char>(record.outcome);
    size_t used = 3;
    for (const char* field : {record.actor, record.role, record.address, record.database,
                              record.resource_type, record.resource_id, record.details}) {
        const size_t size = strlen(field) + 1;
        memcpy(text + used, field, size);
        used += size;
    }
    // 0 stands for events that have no place of their own.
    return Max(core::SipHash24(state->secret, text, used), uint64{1});
}

uint64 OwnerOf(const AuditRecord& record, AuditTally tally) {
    if (tally == AuditTally::kRefreshes) return 0;
    const bool by_address = tally == AuditTally::kLogins || tally == AuditTally::kRefusals;
    const char* const owner = by_address ? record.address : record.actor;
    core::Address address;
    if (by_address && core::ParseAddress(owner, &address)) {
        return core::PackNetwork(core::NetworkOf(address));
    }
    return owner[0] == '\0' ? 0 : core::SipHash24(state->secret, owner, strlen(owner));
}

uint32 KindOf(const AuditRecord& record, const CountedAs& as) {
    const uint32 source = Min(static_cast<uint32>(record.source), kSources - 1);
    if (as.tally == AuditTally::kFailures) {
        return static_cast<uint32>(record.event) * kSources + source;
    }
    if (as.tally == AuditTally::kRefusals) {
        return static_cast<uint32>(as.refusal) * kSources + source;
    }
    return source;
}

Key KeyOf(const AuditRecord& record, const CountedAs& as) {
    const Key key = {HashOf(record), OwnerOf(record, as.tally), KindOf(record, as)};
    return as.of_many ? key.OfOwner() : key;
}

// KeepCommon empties the fields in which the events of a shared place differ.
void KeepCommon(const Key& key, AuditTally tally, AuditRecord* record) {
    const bool by_address = tally == AuditTally::kLogins || tally == AuditTally::kRefusals;
    const bool of_owner = key.owner != 0;
    if (!of_owner || by_address) record->actor[0] = '\0';
    if (!of_owner || !by_address) record->address[0] = '\0';
    for (char* field : {record->role, record->application, record->database, record->correlation_id,
                        record->resource_type, record->resource_id, record->details}) {
        field[0] = '\0';
    }
    if (tally != AuditTally::kRefusals) return;
    const auto refusal = static_cast<protocol::RefusalKind>(key.kind / kSources);
    const std::string_view reason = protocol::ClassOf(refusal).reason;
    pg_snprintf(record->details, sizeof(record->details), "{\"reason\":\"%.*s\"",
                static_cast<int>(reason.size()), reason.data());
}

// CopyDue copies the count of one place if it is due.
bool CopyDue(AuditTally tally, uint32 place, int64 now_ms, bool all, CountedAudit* out) {
    bool due = false;
    Key key = {};
    SpinLockAcquire(&state->lock);
    WithCounts(tally, [=, &due, &key](const auto& counts) {
        const core::Counted<Key> counted = counts.tally.At(place, now_ms);
        due = counted.count > 0 && (all || counts.tally.IsDue(place, now_ms));
        if (!due) return;
        CopyRecord(counts.records[place], &out->record);
        out->count = counted.count;
        out->over_ms = counted.over_ms;
        key = counted.key;
    });
    SpinLockRelease(&state->lock);
    out->of_many = due && key.record == 0;
    if (out->of_many) KeepCommon(key, tally, &out->record);
    out->tally = tally;
    out->place = place;
    if (due && out->count > 1) out->record.occurred_at = GetCurrentTimestamp();
    return due;
}

}  // namespace

Size AuditCountsBytes() { return MAXALIGN(sizeof(State)); }

void StartAuditCounts() {
    bool found = false;
    state = static_cast<State*>(ShmemInitStruct("pganalytics audit counts", sizeof(State), &found));
    if (found) return;
    // A zeroed tally is an empty one.
    memset(static_cast<void*>(state), 0, sizeof(State));
    SpinLockInit(&state->lock);
    if (!pg_strong_random(&state->secret, sizeof(state->secret))) {
        ereport(FATAL, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not draw random bytes"));
    }
}

void CountAudit(const AuditRecord& record, const CountedAs& as, uint64 count) {
    const Key key = KeyOf(record, as);
    const int64 now_ms = NowMs();
    bool due = false;
    SpinLockAcquire(&state->lock);
    WithCounts(as.tally, [&](auto& counts) {
        const size_t place = counts.tally.Count(key, count, now_ms);
        due = counts.tally.IsDue(place, now_ms);
        // If more is counted than this event, the place has its record already.
        if (counts.tally.At(place, now_ms).count == count) {
            CopyRecord(record, &counts.records[place]);
        }
    });
    SpinLockRelease(&state->lock);
    if (due) WakeAuditDrain();
}

uint32 DueAuditCounts(CountedAudit* out, uint32 limit, bool all) {
    const int64 now_ms = NowMs();
    uint32 found = 0;
    for (const AuditTally tally : kTallies) {
        const uint32 places = WithCounts(
            tally, [](const auto& counts) -> uint32 { return lengthof(counts.records); });
        for (uint32 place = 0; place < places && found < limit; ++place) {
            if (CopyDue(tally, place, now_ms, all, &out[found])) ++found;
        }
    }
    return found;
}

void ForgetAuditCount(const CountedAudit& stored) {
    const int64 now_ms = NowMs();
    SpinLockAcquire(&state->lock);
    WithCounts(stored.tally, [&stored, now_ms](auto& counts) {
        counts.tally.Emitted(stored.place, stored.count, now_ms);
    });
    SpinLockRelease(&state->lock);
}

}  // namespace pganalytics::pg
