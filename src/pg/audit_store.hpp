// Audit store: appending records to pganalytics.audit_log (sql/70_audit.sql).
#pragma once

#include "pg/audit_ring.hpp"

namespace pganalytics::pg {

// StoreAuditRecords appends rows after *head, which becomes the last of them. ERROR as the
// statement raises it. REQUIRES: a transaction with SPI connected.
void StoreAuditRecords(const AuditRecord* const* records, uint32 count, AuditHead* head);

}  // namespace pganalytics::pg
