// Audit group: events come by two ways, through the ring and as counts, and a group must not
// overtake an event of the other way. So the ring is looked at before the counts, and once more
// after them, for what came before the newest count.
#include "bgworker/chores/audit_group.hpp"

#include "pg/audit/record.hpp"

namespace pganalytics::bgworker {
namespace {

// SortByTime sorts counts. They are few, and most often one.
void SortByTime(pg::CountedAudit** counts, uint32 size) {
    for (uint32 i = 1; i < size; ++i) {
        pg::CountedAudit* const one = counts[i];
        uint32 place = i;
        for (; place > 0 && counts[place - 1]->record.occurred_at > one->record.occurred_at;
             --place) {
            counts[place] = counts[place - 1];
        }
        counts[place] = one;
    }
}

}  // namespace

void GatherAuditGroup(AuditGroup* group, uint32 limit, bool all) {
    const uint32 most_ringed = Min(limit, AuditGroup::kMaxRinged);
    uint32 ringed = 0;
    while (ringed < most_ringed && pg::PeekAuditRecord(ringed) != nullptr) ++ringed;
    const uint32 most = Min(limit, AuditGroup::kMaxCounts);
    const uint32 counted = pg::DueAuditCounts(group->counts, most, all);
    pg::CountedAudit* counts[AuditGroup::kMaxCounts];
    for (uint32 i = 0; i < counted; ++i) {
        counts[i] = &group->counts[i];
        pg::AddAuditCount(&counts[i]->record, *counts[i]);
    }
    SortByTime(counts, counted);
    const TimestampTz newest = counted == 0 ? 0 : counts[counted - 1]->record.occurred_at;
    for (const pg::AuditRecord* more = nullptr; ringed < most_ringed &&
                                                (more = pg::PeekAuditRecord(ringed)) != nullptr &&
                                                more->occurred_at <= newest;) {
        ++ringed;
    }
    // There may be more counts than fit. They come before all that is in the ring.
    if (counted == most) ringed = 0;
    group->size = counted + ringed;
    uint32 next_count = 0;
    uint32 next_ringed = 0;
    for (uint32 i = 0; i < group->size; ++i) {
        const pg::AuditRecord* const record =
            next_ringed < ringed ? pg::PeekAuditRecord(next_ringed) : nullptr;
        const bool takes_count =
            next_count < counted &&
            (record == nullptr || counts[next_count]->record.occurred_at < record->occurred_at);
        group->counted[i] = takes_count ? counts[next_count++] : nullptr;
        group->records[i] = takes_count ? &group->counted[i]->record : record;
        if (!takes_count) ++next_ringed;
    }
}

void ForgetAuditGroup(const AuditGroup& group, uint32 rows) {
    uint32 ringed = 0;
    for (uint32 i = 0; i < rows; ++i) {
        if (group.counted[i] == nullptr) {
            ++ringed;
        } else {
            pg::ForgetAuditCount(*group.counted[i]);
        }
    }
    pg::ReleaseAuditRecords(ringed);
}

}  // namespace pganalytics::bgworker
