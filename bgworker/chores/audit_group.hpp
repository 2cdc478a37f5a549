// Audit group: what the audit worker stores with one commit: counts that are due, and records of
// the ring.
#pragma once

#include "pg/audit/counted.hpp"

namespace pganalytics::bgworker {

struct AuditGroup {
    static constexpr uint32 kMaxCounts = 64;
    static constexpr uint32 kMaxRinged = 256;

    // The caller may put one more record behind the last.
    const pg::AuditRecord* records[kMaxCounts + kMaxRinged + 1];
    // The count that a record stands for; nullptr: the record is in the ring.
    const pg::CountedAudit* counted[kMaxCounts + kMaxRinged];
    uint32 size;
    pg::CountedAudit counts[kMaxCounts];
};

// GatherAuditGroup collects the next group in the order of its times: at most `limit` counts, and
// as many records. With a limit of 1 it collects one row. `all`: it also takes the counts that are
// not due yet. Of an event in the ring and one that is counted, the earlier one gets into the
// earlier group.
void GatherAuditGroup(AuditGroup* group, uint32 limit, bool all);

// ForgetAuditGroup removes the first `rows` rows of a group from where they came. Call it after the
// commit that stored them.
void ForgetAuditGroup(const AuditGroup& group, uint32 rows);

}  // namespace pganalytics::bgworker
