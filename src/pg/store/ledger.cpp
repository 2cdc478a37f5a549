// Ledger: locks keys, finds receipts and adds rows, with one statement for a whole group.
#include "pg/store/ledger.hpp"

#include "pg/base/guc.hpp"
#include "pg/base/statement.hpp"
#include "pg/store/metrics/bulk.hpp"
#include "pg/store/metrics/table_locks.hpp"
#include "pg/store/metrics/work_locks.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/fmgrprotos.h"
}

namespace pganalytics::pg {
namespace {

using protocol::DiscardReason;

Statement find_receipts = {
    "SELECT i.ordinality, l.body_hash = i.body_hash, l.observed, l.stored, l.unchanged, l.merged, "
    "l.discarded_too_old, l.discarded_in_future, l.discarded_too_large, l.discarded_over_quota "
    "FROM unnest($1, $2, $3) WITH ORDINALITY "
    "AS i(server_id, push_key, body_hash, ordinality) "
    "JOIN pganalytics.push_ledger l ON l.server_id = i.server_id AND l.push_key = i.push_key "
    "WHERE l.received_at > $4",
    4,
    {INT4ARRAYOID, 2951 /* uuid[] */, 2951, TIMESTAMPTZOID},
    nullptr};

Statement add_to_ledger = {
    "INSERT INTO pganalytics.push_ledger (server_id, push_key, body_hash, collector_id, epoch, "
    "sequence, body_bytes, observed, stored, unchanged, merged, discarded_too_old, "
    "discarded_in_future, discarded_too_large, discarded_over_quota, unstored) "
    "SELECT i.* FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) "
    "AS i",
    16,
    {INT4ARRAYOID, 2951, 2951, 2951, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
     INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
     INT8ARRAYOID, 3807 /* jsonb[] */},
    nullptr};

template <typename Field>
Datum CountsOf(PushJob* const* jobs, int count, Field&& field) {
    return ArrayOf(jobs, count, INT8OID, [&field](const PushJob* job, bool*) {
        return Int64GetDatum(static_cast<int64>(field(job)));
    });
}

Datum ServersOf(PushJob* const* jobs, int count) {
    return ArrayOf(jobs, count, INT4OID,
                   [](const PushJob* job, bool*) { return Int32GetDatum(job->server_id); });
}

template <typename Field>
Datum UuidsOf(PushJob* const* jobs, int count, Field&& field) {
    return ArrayOf(jobs, count, UUIDOID, [&field](const PushJob* job, bool*) {
        return PointerGetDatum(field(job).bytes);
    });
}
Datum KeysOf(PushJob* const* jobs, int count) {
    return UuidsOf(jobs, count,
                   [](const PushJob* j) -> const core::Uuid& { return j->push.push_key; });
}
Datum BodyHashesOf(PushJob* const* jobs, int count) {
    return UuidsOf(jobs, count,
                   [](const PushJob* j) -> const core::Uuid& { return j->push.body_hash; });
}

uint64 DiscardedOf(const PushJob* job, DiscardReason reason) {
    return job->receipt.discarded[static_cast<size_t>(reason)];
}

}  // namespace

void LockPushKeys(PushJob* const* jobs, int count) {
    auto* const names = static_cast<uint64*>(palloc(sizeof(uint64) * static_cast<size_t>(count)));
    for (int i = 0; i < count; ++i) {
        names[i] =
            hash_bytes_extended(jobs[i]->push.push_key.bytes, sizeof(jobs[i]->push.push_key.bytes),
                                static_cast<uint64>(jobs[i]->server_id));
    }
    LockWork(WorkClass::kPushKey, names, count);
    pfree(names);
}

void FindReceipts(PushJob* const* jobs, int count) {
    const int32 today = DayOf(GetCurrentTransactionStartTimestamp());
    LockTable(LeafOf("push_ledger", today), RowExclusiveLock, kPushes);
    LockTable(LeafOf("push_accounts", today), RowExclusiveLock, kPushes);
    const TimestampTz cutoff = GetCurrentTransactionStartTimestamp() -
                               int64{settings.dedup_window_min} * 60 * USECS_PER_SEC;
    Datum values[] = {ServersOf(jobs, count), KeysOf(jobs, count), BodyHashesOf(jobs, count),
                      TimestampTzGetDatum(cutoff)};
    Execute(&find_receipts, values);
    for (uint64 row = 0; row < SPI_processed; ++row) {
        protocol::Receipt* const receipt = &jobs[Int8Of(row, 1) - 1]->receipt;
        bool is_null = false;
        if (!DatumGetBool(CellOf(row, 2, &is_null))) {
            receipt->status = 409;
            receipt->message = "this Idempotency-Key was used for another body";
            continue;
        }
        receipt->status = 200;
        receipt->duplicate = 1;
        receipt->observed = static_cast<uint64>(Int8Of(row, 3));
        receipt->stored = static_cast<uint64>(Int8Of(row, 4));
        receipt->unchanged = static_cast<uint64>(Int8Of(row, 5));
        receipt->merged = static_cast<uint64>(Int8Of(row, 6));
        for (size_t reason = 0; reason < receipt->discarded.size(); ++reason) {
            receipt->discarded[reason] =
                static_cast<uint64>(Int8Of(row, 7 + static_cast<int>(reason)));
        }
    }
}

void AddToLedger(PushJob* const* jobs, int count) {
    auto epoch = [](const PushJob* job, bool* is_null) {
        *is_null = job->push.has_sequence == 0;
        return Int64GetDatum(job->push.epoch);
    };
    auto sequence = [](const PushJob* job, bool* is_null) {
        *is_null = job->push.has_sequence == 0;
        return Int64GetDatum(job->push.sequence);
    };
    auto unstored = [](const PushJob* job, bool* is_null) {
        *is_null = job->push.unstored.empty();
        if (*is_null) return Datum{0};
        char* const text = pnstrdup(job->push.unstored.data(), job->push.unstored.size());
        return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
    };
    auto collector = [](const PushJob* j) -> const core::Uuid& { return j->push.collector_id; };
    Datum values[] = {
        ServersOf(jobs, count),
        KeysOf(jobs, count),
        BodyHashesOf(jobs, count),
        UuidsOf(jobs, count, collector),
        ArrayOf(jobs, count, INT8OID, epoch),
        ArrayOf(jobs, count, INT8OID, sequence),
        CountsOf(jobs, count, [](const PushJob* j) { return j->push.body_bytes; }),
        CountsOf(jobs, count, [](const PushJob* j) { return j->receipt.observed; }),
        CountsOf(jobs, count, [](const PushJob* j) { return j->receipt.stored; }),
        CountsOf(jobs, count, [](const PushJob* j) { return j->receipt.unchanged; }),
        CountsOf(jobs, count, [](const PushJob* j) { return j->receipt.merged; }),
        CountsOf(jobs, count,
                 [](const PushJob* j) { return DiscardedOf(j, DiscardReason::kTooOld); }),
        CountsOf(jobs, count,
                 [](const PushJob* j) { return DiscardedOf(j, DiscardReason::kInFuture); }),
        CountsOf(jobs, count,
                 [](const PushJob* j) { return DiscardedOf(j, DiscardReason::kTooLarge); }),
        CountsOf(jobs, count,
                 [](const PushJob* j) { return DiscardedOf(j, DiscardReason::kOverQuota); }),
        ArrayOf(jobs, count, JSONBOID, unstored),
    };
    Execute(&add_to_ledger, values);
}

}  // namespace pganalytics::pg
