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
    "discarded_too_large, queries, newest_sample_at) "
    "SELECT i.* FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS i",
    13,
    {INT4ARRAYOID, 2951 /* uuid[] */, INT4ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
     INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
     TIMESTAMPTZARRAYOID},
    nullptr};

constexpr Account kNoAccount = {};
constexpr Tally kNoTally = {};

struct Entry {
    const PushJob* job;
    int32 database_id;
    const Account* account;
    const Tally* tally;
};

template <typename Field>
Datum CountsOf(const Entry* entries, int count, Field&& field) {
    return ArrayOf(entries, count, INT8OID, [&field](const Entry& entry, bool*) {
        return Int64GetDatum(static_cast<int64>(field(*entry.account, *entry.tally)));
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
    for (size_t i = 0; i < names; ++i) {
        const auto [job, account] = named[i];
        const std::string_view name = job->accounts[account].database;
        job->database_ids[account] = name.empty() ? 0 : DatabaseOf(job->server_id, name);
    }
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
    }
}

void AddAccounts(PushJob* const* jobs, int count) {
    auto* const entries = static_cast<Entry*>(MemoryContextAllocHuge(
        CurrentMemoryContext,
        sizeof(Entry) * (CountAccounts(jobs, count) + static_cast<size_t>(count))));
    int rows = 0;
    for (int i = 0; i < count; ++i) {
        const PushJob* const job = jobs[i];
        bool has_none = true;  // true if no account is for "no database"
        for (uint32 a = 0; a < job->account_count; ++a) {
            has_none = has_none && job->database_ids[a] != 0;
            entries[rows++] = {job, job->database_ids[a], &job->accounts[a], &job->tallies[a]};
        }
        if (has_none) entries[rows++] = {job, 0, &kNoAccount, &kNoTally};
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
        CountsOf(entries, rows, [](const Account& a, const Tally&) { return a.queries; }),
        ArrayOf(entries, rows, TIMESTAMPTZOID,
                [](const Entry& e, bool* is_null) {
                    *is_null = e.tally->newest_sample == 0;
                    return TimestampTzGetDatum(e.tally->newest_sample);
                }),
    };
    Execute(&add_accounts, values);
}

}  // namespace pganalytics::pg
