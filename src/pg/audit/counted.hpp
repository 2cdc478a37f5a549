// Audit counted: counts the events that somebody without a privilege can cause at will, such as
// refused requests, in shared memory. Equal events have one count, and the audit worker stores it
// when it is due (core/tally.hpp). So nobody fills the disk with them, they take no place in the
// ring, and no process loses counts by its end.
#pragma once

#include "pg/audit/ring.hpp"
#include "protocol/refusals.hpp"

namespace pganalytics::pg {

// AuditTally: each tally has slots of its own, so that the events of one class do not displace
// those of another. The owner of an event (core/tally.hpp) is its actor for kDenials and kFailures,
// and its address for kLogins and kRefusals.
enum class AuditTally : uint8 {
    kDenials,    // a privilege was missing, in SQL
    kFailures,   // statements that have failed for another reason
    kLogins,     // failed logins
    kRefusals,   // refused requests
    kRefreshes,  // refreshed tokens
};

// CountedAs says how an event is counted. `refusal` is for kRefusals alone. `of_many`: the count is
// already one of several that have no place of their own.
struct CountedAs {
    AuditTally tally;
    protocol::RefusalKind refusal = {};
    bool of_many = false;
};

Size AuditCountsBytes();
void StartAuditCounts();

// CountAudit counts `count` events. Two events are equal if only their times, processes,
// applications and correlation ids differ. It raises no ERROR and holds only a spinlock. REQUIRES:
// shared memory.
void CountAudit(const AuditRecord& record, const CountedAs& as, uint64 count);

// CountedAudit is a count to store. `record` is the first of the counted events. Its time is that
// of this event for a single one, and the present time for more.
struct CountedAudit {
    AuditRecord record;
    uint64 count;
    int64 over_ms;  // the time from the first of the events until now
    bool of_many;   // the record has only what all events have in common
    AuditTally tally;
    uint32 place;
};

// Only the audit worker calls the functions from here.

// DueAuditCounts copies the counts that are due, at most `limit` of them, or with `all` also those
// that are not due yet. It returns their number. ForgetAuditCount subtracts one that was
// copied: call it after the commit that stored its row.
uint32 DueAuditCounts(CountedAudit* out, uint32 limit, bool all);
void ForgetAuditCount(const CountedAudit& stored);

}  // namespace pganalytics::pg
