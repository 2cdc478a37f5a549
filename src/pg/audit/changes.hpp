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
void RecordCollectorChange(const RowChange& change);
void RecordCertificateChange(const RowChange& change);
void RecordCertificateRequestChange(const RowChange& change);
void RecordEnrollmentTokenChange(const RowChange& change);
void RecordRegistrationSecretChange(const RowChange& change);
void RecordTokenKeyChange(const RowChange& change);
void RecordScrapeTokenChange(const RowChange& change);
void RecordTextRemovalChange(const RowChange& change);
void RecordSessionChange(const RowChange& change);
void RecordAlertRuleChange(const RowChange& change);
void RecordAcknowledgementChange(const RowChange& change);
void RecordSilenceChange(const RowChange& change);
void RecordMaintenanceWindowChange(const RowChange& change);
void RecordInhibitionChange(const RowChange& change);
void RecordAlertChannelChange(const RowChange& change);
void RecordChannelSecretChange(const RowChange& change);

}  // namespace pganalytics::pg
