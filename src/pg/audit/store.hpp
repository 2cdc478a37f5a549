// Audit store: how the audit worker reads and writes pganalytics.audit_log
// (sql/audit/audit_log.sql).
#pragma once

#include <string_view>

#include "pg/audit/ring.hpp"

namespace pganalytics::pg {

// AuditLogOid returns the OID of the log's table, InvalidOid if there is none. REQUIRES: a
// transaction.
Oid AuditLogOid();

// StoreAuditRecords appends rows to the log after *head, and sets *head to the last of the new
// rows. It raises ERROR 55000 if *head belongs to another log, and any ERROR of the statement.
// REQUIRES: a transaction with SPI connected.
void StoreAuditRecords(const AuditRecord* const* records, uint32 count, AuditHead* head);

// AuditTail is the end of the log as the table has it.
struct AuditTail {
    AuditHead last;
    std::string_view last_event;  // valid until SPI_finish
    bool has_known;               // the log has row `known_id`; its hash is known_hash
    core::Sha256 known_hash;
};

// ReadAuditTail reads the end of the log, and looks for row `known_id`. It raises any ERROR of the
// statement. REQUIRES: a transaction with SPI connected.
AuditTail ReadAuditTail(int64 known_id);

// MakeAuditMonths makes the partitions of this month and the next. It raises any ERROR of the
// statement. REQUIRES: a transaction with SPI connected.
void MakeAuditMonths();

// ExpiredAuditMonth is a month whose partition was dropped. Its texts are valid until SPI_finish.
// If the month had no rows, its ids are 0.
struct ExpiredAuditMonth {
    std::string_view month;
    int64 first_id;
    int64 last_id;
    std::string_view last_hash;
};

// DropExpiredAuditMonth drops the oldest month whose retention has passed. It returns false if
// there is no such month. It raises any ERROR of the statement. REQUIRES: a transaction with SPI
// connected.
bool DropExpiredAuditMonth(ExpiredAuditMonth* dropped);

}  // namespace pganalytics::pg
