// Audit store: what the audit worker does to pganalytics.audit_log (sql/audit/audit_log.sql).
#pragma once

#include <string_view>

#include "pg/audit/ring.hpp"

namespace pganalytics::pg {

// AuditLogOid gives the table of the log, InvalidOid if there is none. REQUIRES: a transaction.
Oid AuditLogOid();

// StoreAuditRecords appends rows after *head, which becomes the last of them. ERROR as the
// statement raises it, and 55000 if the log is not the one that *head is of.
// REQUIRES: a transaction with SPI connected.
void StoreAuditRecords(const AuditRecord* const* records, uint32 count, AuditHead* head);

// AuditTail is the end of the log as the table has it.
struct AuditTail {
    AuditHead last;
    std::string_view last_event;  // in memory of SPI
    bool has_known;               // the row that was asked for is there, and has this hash
    core::Sha256 known_hash;
};

// ReadAuditTail also looks for row `known_id`. ERROR as the statement raises it. REQUIRES: as
// above.
AuditTail ReadAuditTail(int64 known_id);

// MakeAuditMonths makes this month's partition and the next. ERROR and REQUIRES as above.
void MakeAuditMonths();

// ExpiredAuditMonth is a month that was dropped; its texts are in memory of SPI. A month without
// rows has numbers of 0.
struct ExpiredAuditMonth {
    std::string_view month;
    int64 first_id;
    int64 last_id;
    std::string_view last_hash;
};

// DropExpiredAuditMonth drops the oldest month whose retention has passed. False if there is none.
// ERROR and REQUIRES as above.
bool DropExpiredAuditMonth(ExpiredAuditMonth* dropped);

}  // namespace pganalytics::pg
