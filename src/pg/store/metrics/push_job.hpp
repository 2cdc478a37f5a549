// Push job: one push on its way through a group, as all of the store knows it.
#pragma once

#include <cstdint>

#include "pg/base/prelude.hpp"
#include "pg/identity/authenticate.hpp"
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

}  // namespace pganalytics::pg
