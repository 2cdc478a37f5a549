#include "pg/store/metrics/table_locks.hpp"

#include "pg/base/session.hpp"

extern "C" {
#include "storage/lmgr.h"
}

namespace pganalytics::pg {
namespace {

struct LockedTable {
    Oid table;
    LOCKMODE mode;
    Users users;
    char name[NAMEDATALEN];
};

// Tables that another session keeps locked. A transaction meets one at a time, so the list is short
// unless somebody locks many days.
constexpr int kMostLocked = 64;
LockedTable locked[kMostLocked];
int locked_count = 0;

LockedTable awaited = {};  // the table that LockTable waits for; no OID: none

bool HasMetric(const PushJob& job, Users users) {
    for (uint32 i = 0; i < job.push.blocks; ++i) {
        const protocol::RowBlock& block = job.blocks[i];
        const protocol::MetricId id = block.metric->id;
        if (block.rows == 0 || id == protocol::MetricId::kAccounts) continue;
        if (users.kind == Users::Kind::kLabelled ? id != protocol::MetricId::kQueryStats
                                                 : id == users.metric) {
            return true;
        }
    }
    return false;
}

bool Needs(const PushJob* job, Users users) {
    if (users.kind == Users::Kind::kRequests) return true;
    if (job == nullptr) return false;
    return users.kind == Users::Kind::kPushes || HasMetric(*job, users);
}

}  // namespace

void LockTable(Oid table, LOCKMODE mode, Users users) {
    if (ConditionalLockRelationOid(table, mode)) return;
    awaited = {table, mode, users, {}};
    const char* const name = get_rel_name(table);
    strlcpy(awaited.name, name == nullptr ? "" : name, sizeof(awaited.name));
    LockRelationOid(table, mode);
    awaited = {};
}

void LockTable(const char* table, LOCKMODE mode, Users users) {
    const Oid oid = get_relname_relid(table, get_namespace_oid(kSchema, false));
    if (!OidIsValid(oid)) {
        ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE),
                errmsg("relation \"%s.%s\" does not exist", kSchema, table));
    }
    LockTable(oid, mode, users);
}

const char* NoteLockedTable(const ErrorData* error) {
    const LockedTable table = awaited;
    awaited = {};
    if (!OidIsValid(table.table) || error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE) {
        return nullptr;
    }
    if (locked_count == kMostLocked) return nullptr;
    locked[locked_count] = table;
    return locked[locked_count++].name;
}

const char* FindLockedTable(const PushJob* job) {
    for (int i = 0; i < locked_count;) {
        if (!Needs(job, locked[i].users)) {
            ++i;
        } else if (ConditionalLockRelationOid(locked[i].table, locked[i].mode)) {
            locked[i] = locked[--locked_count];
        } else {
            return locked[i].name;
        }
    }
    return nullptr;
}

const char* LockedTableText(const char* table, MemoryContext context) {
    MemoryContext const caller = MemoryContextSwitchTo(context);
    const char* const text = psprintf("table \"%s\" is locked by another session", table);
    MemoryContextSwitchTo(caller);
    return text;
}

bool AnyLockedTables() { return locked_count > 0; }

}  // namespace pganalytics::pg
