#include "pg/store/accounts.hpp"

#include <algorithm>
#include <tuple>

#include "pg/base/statement.hpp"
#include "pg/store/servers.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace pganalytics::pg {
namespace {

using protocol::Account;
using protocol::DiscardReason;

Statement add_accounts = {
    "INSERT INTO pganalytics.push_accounts (server_id, push_key, database_id, observed, stored, "
    "unchanged, merged, beyond_limit, discarded_too_old, discarded_in_future, "
    "discarded_too_large, discarded_over_quota, queries, newest_sample_at) "
    "SELECT i.* FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) "
    "AS i",
    14,
    {INT4ARRAYOID, 2951 /* uuid[] */, INT4ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
     INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
     INT8ARRAYOID, TIMESTAMPTZARRAYOID},
    nullptr};

// Entry is a row of push_accounts.
struct Entry {
    const PushJob* job;
    int32 database_id;
    Account account;
    Tally tally;
};

// Add adds the counts of one account. The row of "no database" also has the rows of databases that
// have no row of their own (kOverQuota).
void Add(const Account& account, const Tally& tally, Entry* entry) {
    Account* const sum = &entry->account;
    sum->observed += account.observed;
    sum->unchanged += account.unchanged;
    sum->merged += account.merged;
    sum->beyond_limit += account.beyond_limit;
    sum->too_large += account.too_large;
    sum->queries += account.queries;
    Tally* const done = &entry->tally;
    done->stored += tally.stored;
    done->unchanged += tally.unchanged;
    done->too_old += tally.too_old;
    done->in_future += tally.in_future;
    done->over_quota += tally.over_quota;
    done->newest_sample = Max(done->newest_sample, tally.newest_sample);
}

template <typename Field>
Datum CountsOf(const Entry* entries, int count, Field&& field) {
    return ArrayOf(entries, count, INT8OID, [&field](const Entry& entry, bool*) {
        return Int64GetDatum(static_cast<int64>(field(entry.account, entry.tally)));
    });
}

size_t CountAccounts(PushJob* const* jobs, int count) {
    size_t accounts = 0;
    for (int i = 0; i < count; ++i) accounts += jobs[i]->account_count;
    return accounts;
}

}  // namespace

void ResolveDatabases(PushJob* const* jobs, int count) {
    struct Named {
        PushJob* job;
        uint32 account;
        std::string_view Name() const { return job->accounts[account].database; }
        bool HasRow() const { return !job->over_quota && !Name().empty(); }
        auto Place() const { return std::tie(job->server_id, job->accounts[account].database); }
    };
    auto* const named = static_cast<Named*>(MemoryContextAllocHuge(
        CurrentMemoryContext, sizeof(Named) * Max(CountAccounts(jobs, count), size_t{1})));
    size_t names = 0;
    for (int i = 0; i < count; ++i) {
        for (uint32 a = 0; a < jobs[i]->account_count; ++a) named[names++] = {jobs[i], a};
    }
    std::sort(named, named + names,
              [](const Named& a, const Named& b) { return a.Place() < b.Place(); });
    auto* const lookups = static_cast<DatabaseLookup*>(MemoryContextAllocHuge(
        CurrentMemoryContext, sizeof(DatabaseLookup) * Max(names, size_t{1})));
    for (size_t begin = 0; begin < names;) {
        const int32 server_id = named[begin].job->server_id;
        size_t end = begin;
        int wanted = 0;
        for (; end < names && named[end].job->server_id == server_id; ++end) {
            const std::string_view name = named[end].Name();
            if (!named[end].HasRow()) continue;
            if (wanted == 0 || lookups[wanted - 1].name != name) lookups[wanted++] = {name, 0};
        }
        FindDatabases(server_id, lookups, wanted);
        int next = 0;
        for (size_t i = begin; i < end; ++i) {
            int32* const id = &named[i].job->database_ids[named[i].account];
            *id = named[i].job->over_quota ? kOverQuota : 0;
            if (!named[i].HasRow()) continue;
            while (lookups[next].name != named[i].Name()) ++next;
            *id = lookups[next].database_id;
        }
        begin = end;
    }
    pfree(lookups);
    pfree(named);
}

void SumUp(PushJob* job) {
    protocol::Receipt* const receipt = &job->receipt;
    auto discarded = [receipt](DiscardReason reason) -> uint64_t& {
        return receipt->discarded[static_cast<size_t>(reason)];
    };
    receipt->observed = job->push.observed;
    receipt->unchanged = job->push.unchanged;
    receipt->merged = job->push.merged;
    discarded(DiscardReason::kTooLarge) = job->push.too_large;
    for (uint32 i = 0; i < job->account_count; ++i) {
        const Tally& tally = job->tallies[i];
        receipt->stored += tally.stored;
        receipt->unchanged += tally.unchanged;
        discarded(DiscardReason::kTooOld) += tally.too_old;
        discarded(DiscardReason::kInFuture) += tally.in_future;
        discarded(DiscardReason::kOverQuota) += tally.over_quota;
    }
}

void AddAccounts(PushJob* const* jobs, int count) {
    auto* const entries = static_cast<Entry*>(MemoryContextAllocHuge(
        CurrentMemoryContext,
        sizeof(Entry) * (CountAccounts(jobs, count) + static_cast<size_t>(count))));
    int rows = 0;
    for (int i = 0; i < count; ++i) {
        const PushJob* const job = jobs[i];
        Entry* const none = &entries[rows++];
        *none = {job, 0, {}, {}};
        for (uint32 a = 0; a < job->account_count; ++a) {
            const bool has_row = job->database_ids[a] > 0;
            Entry* const entry = has_row ? &entries[rows++] : none;
            if (has_row) *entry = {job, job->database_ids[a], {}, {}};
            Add(job->accounts[a], job->tallies[a], entry);
        }
    }
    Datum values[] = {
        ArrayOf(entries, rows, INT4OID,
                [](const Entry& e, bool*) { return Int32GetDatum(e.job->server_id); }),
        ArrayOf(entries, rows, UUIDOID,
                [](const Entry& e, bool*) { return PointerGetDatum(e.job->push.push_key.bytes); }),
        ArrayOf(entries, rows, INT4OID,
                [](const Entry& e, bool*) { return Int32GetDatum(e.database_id); }),
        CountsOf(entries, rows, [](const Account& a, const Tally&) { return a.observed; }),
        CountsOf(entries, rows, [](const Account&, const Tally& t) { return t.stored; }),
        CountsOf(entries, rows,
                 [](const Account& a, const Tally& t) { return a.unchanged + t.unchanged; }),
        CountsOf(entries, rows, [](const Account& a, const Tally&) { return a.merged; }),
        CountsOf(entries, rows, [](const Account& a, const Tally&) { return a.beyond_limit; }),
        CountsOf(entries, rows, [](const Account&, const Tally& t) { return t.too_old; }),
        CountsOf(entries, rows, [](const Account&, const Tally& t) { return t.in_future; }),
        CountsOf(entries, rows, [](const Account& a, const Tally&) { return a.too_large; }),
        CountsOf(entries, rows, [](const Account&, const Tally& t) { return t.over_quota; }),
        CountsOf(entries, rows, [](const Account& a, const Tally&) { return a.queries; }),
        ArrayOf(entries, rows, TIMESTAMPTZOID,
                [](const Entry& e, bool* is_null) {
                    *is_null = e.tally.newest_sample == 0;
                    return TimestampTzGetDatum(e.tally.newest_sample);
                }),
    };
    Execute(&add_accounts, values);
}

}  // namespace pganalytics::pg
