// Audit changes: triggers on the tables of identities and alerts record each change of a row,
// whoever made it and with whatever statement. For each table there is one function, which records
// its changes.
#pragma once

#include "pg/audit/rows.hpp"

namespace pganalytics::pg {

// BeginChange begins a record about a row, and adds the current role. `type` and `id` name the row
// as the record's resource.
void BeginChange(AuditRecord* record, protocol::AuditEvent event, const char* type, const char* id);

// AddColumns adds the value of each column in `row` to the details, under the column's name.
template <size_t kCount>
void AddColumns(AuditRecord* record, const RowChange& change, HeapTuple row,
                const char* const (&columns)[kCount]) {
    for (const char* column : columns) {
        AddAuditDetail(record, column, ValueOf(change, row, column));
    }
}

// Each of these functions records one change of a row of its table. It raises any ERROR that
// reading the row raises.
void TellCollector(const RowChange& change);
void TellCertificate(const RowChange& change);
void TellCertificateRequest(const RowChange& change);
void TellEnrollmentToken(const RowChange& change);
void TellRegistrationSecret(const RowChange& change);
void TellTokenKey(const RowChange& change);
void TellScrapeToken(const RowChange& change);
void TellSession(const RowChange& change);
void TellAlertRule(const RowChange& change);
void TellAcknowledgement(const RowChange& change);
void TellSilence(const RowChange& change);
void TellMaintenanceWindow(const RowChange& change);
void TellInhibition(const RowChange& change);
void TellAlertChannel(const RowChange& change);
void TellChannelSecret(const RowChange& change);

}  // namespace pganalytics::pg
