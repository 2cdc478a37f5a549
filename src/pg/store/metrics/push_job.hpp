// Push job: what the store knows of one push while it processes a group.
#pragma once

#include <cstdint>

#include "pg/base/prelude.hpp"
#include "pg/identity/authenticate.hpp"
#include "protocol/accounts.hpp"

namespace pganalytics::pg {

// Tally counts what the worker did with a push's rows of one database.
struct Tally {
    uint64 stored;
    uint64 unchanged;  // the table had the same values already
    uint64 too_old;
    uint64 in_future;
    uint64 over_quota;
    TimestampTz newest_sample;  // of the rows within the window; 0: there are none
};

// kOverQuota is the database_id of a database that has no row, because the server has
// quota_databases already.
inline constexpr int32 kOverQuota = -1;

// PushJob is one push of a group. Its strings and blocks are views into the frame, which must stay
// in place until the receipt is sent.
struct PushJob {
    protocol::Push push;
    const protocol::RowBlock* blocks;
    const protocol::Account* accounts;  // sorted by database name; filled by CheckAccounts
    uint32 account_count;
    Tally* tallies;             // one for each account
    int32* database_ids;        // one for each account; 0: no database; kOverQuota
    protocol::Receipt receipt;  // status 0: not decided yet
    const char* error;          // the ERROR because of which it is refused, for the log; or nullptr
    int32 server_id;
    bool over_quota;  // one server too many: server_id is a row that stands for all of them
    uint32 max_queries_per_db;  // the limit of the push's collector
    bool duplicate_in_group;    // true: waits for an earlier job of this group with the same key
    AuthResult refusal;         // why the sender may not push; kGood: the sender is admitted
    bool names_another;         // the push and its credential name different collectors
};

}  // namespace pganalytics::pg
