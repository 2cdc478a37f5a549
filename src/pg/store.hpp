// Store: a group of pushes in one transaction, and a receipt for each.
#pragma once

#include <cstdint>

#include "pg/authenticate.hpp"
#include "pg/prelude.hpp"
#include "protocol/accounts.hpp"

namespace pganalytics::pg {

// Tally counts what a worker made of the rows of one database of a push.
struct Tally {
    uint64 stored;
    uint64 unchanged;  // stored already
    uint64 too_old;
    uint64 in_future;
};

// PushJob is one push on its way through a group. Its strings and blocks are views into the frame,
// which must stay where it is until the receipt is sent.
struct PushJob {
    protocol::Push push;
    const protocol::RowBlock* blocks;
    const protocol::Account* accounts;  // by name; as CheckAccounts gives them
    uint32 account_count;
    Tally* tallies;             // one for each account
    int32* database_ids;        // of each account; 0 for what belongs to no database
    protocol::Receipt receipt;  // status 0: not decided yet
    int32 server_id;
    uint32 max_queries_per_db;  // the collector's
    bool waits_twin;            // an earlier job of this group has the same key
    AuthResult refusal;         // why its sender may not push (any more)
    bool names_another;         // it is of another collector than its credential
};

// StorePushes decides every job: stored (200), known (200, duplicate), or refused. Pushes share one
// commit; if it fails, each is tried alone, so that a bad one costs only itself. Never raises an
// ERROR for what a push or the tables cause. The receipts' strings live in `context`, as does all
// that a group allocates: the caller resets it after sending.
// REQUIRES: no transaction in progress; the ingest role in force.
void StorePushes(PushJob* jobs, int count, MemoryContext context);

// AnswerAuth answers an AuthRequest: 200 with the collector, 403 or 503. Raises no ERROR.
// REQUIRES: as StorePushes.
protocol::AuthReply AnswerAuth(const protocol::AuthRequest& request, MemoryContext context);

}  // namespace pganalytics::pg
