// Store: a group of pushes in one transaction, and a receipt for each.
#pragma once

#include <cstdint>

#include "pg/prelude.hpp"
#include "protocol/messages.hpp"
#include "protocol/rows.hpp"

namespace pganalytics::pg {

// PushJob is one push on its way through a group. Its strings and blocks are views into the frame,
// which must stay where it is until the receipt is sent.
struct PushJob {
    protocol::Push push;
    const protocol::RowBlock* blocks;
    protocol::Receipt receipt;  // status 0: not decided yet
    int32 server_id;
    uint64 rows;      // on their way into the tables
    bool waits_twin;  // an earlier job of this group has the same key
};

// StorePushes decides every job: stored (200), known (200, duplicate), or refused. Pushes share one
// commit; if it fails, each is tried alone, so that a bad one costs only itself. Never raises an
// ERROR for what a push or the tables cause. The receipts' strings live in `context`, as does all
// that a group allocates: the caller resets it after sending.
// REQUIRES: no transaction in progress; the ingest role in force.
void StorePushes(PushJob* jobs, int count, MemoryContext context);

// CheckToken answers an AuthRequest: 200 with the collector, 403 or 503.
protocol::AuthReply CheckToken(const core::Sha256& token_sha256, MemoryContext context);

}  // namespace pganalytics::pg
