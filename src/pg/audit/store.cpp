// Audit store: appends a group of records with one statement.
#include "pg/audit/store.hpp"

#include "pg/base/statement.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
}

namespace pganalytics::pg {
namespace {

using Record = const AuditRecord*;

Statement append = {
    "SELECT id, hash, recorded_at FROM pganalytics.append_audit_records($1, $2, $3, $4, $5, $6, "
    "$7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
    18,
    {INT8OID, BYTEAOID, TIMESTAMPTZOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
     TEXTARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
     TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID},
    nullptr};

Statement read_tail = {
    "SELECT log, id, hash, recorded_at, event, known_hash FROM pganalytics.audit_tail($1)",
    1,
    {INT8OID},
    nullptr};

Statement make_months = {
    "SELECT pganalytics.make_audit_partition(($1 + m * interval '1 month')::date) "
    "FROM unnest(ARRAY[0, 1]) AS m",
    1,
    {TIMESTAMPTZOID},
    nullptr};

Statement drop_month = {
    "SELECT month, first_id, last_id, last_hash FROM pganalytics.drop_expired_audit_month()",
    0,
    {},
    nullptr};

TimestampTz TimeOf(uint64 row, int column) {
    bool is_null = false;
    return DatumGetTimestampTz(CellOf(row, column, &is_null));
}

std::string_view NameOf(AuditSource source) {
    constexpr std::string_view kNames[] = {"session", "api", "collectors", "server"};
    return kNames[static_cast<size_t>(source)];
}

std::string_view NameOf(AuditOutcome outcome) {
    constexpr std::string_view kNames[] = {"success", "denied", "failed"};
    return kNames[static_cast<size_t>(outcome)];
}

// TextsOf makes an array with one text field of each record; an empty text becomes NULL.
template <typename Give>
Datum TextsOf(const Record* records, int count, Give&& give) {
    return ArrayOf(records, count, TEXTOID, [&give](Record record, bool* is_null) {
        const std::string_view text = give(record);
        *is_null = text.empty();
        return text.empty() ? Datum{0} : TextDatum(text);
    });
}

}  // namespace

Oid AuditLogOid() {
    const Oid schema = get_namespace_oid("pganalytics", true);
    return OidIsValid(schema) ? get_relname_relid("audit_log", schema) : InvalidOid;
}

void StoreAuditRecords(const AuditRecord* const* records, uint32 count, AuditHead* head) {
    if (AuditLogOid() != head->log) {
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("the audit log was made anew"));
    }
    const int rows = static_cast<int>(count);
    const auto text = [=](auto member) {
        return TextsOf(records, rows,
                       [member](Record record) { return std::string_view(record->*member); });
    };
    Datum values[] = {
        Int64GetDatum(head->id),
        DigestDatum(head->hash),
        TimestampTzGetDatum(head->recorded_at),
        ArrayOf(records, rows, TIMESTAMPTZOID,
                [](Record record, bool*) { return TimestampTzGetDatum(record->occurred_at); }),
        TextsOf(records, rows, [](Record record) { return protocol::KindOf(record->event).name; }),
        TextsOf(records, rows, [](Record record) { return NameOf(record->source); }),
        TextsOf(records, rows, [](Record record) { return NameOf(record->outcome); }),
        ArrayOf(records, rows, INT4OID,
                [](Record record, bool*) { return Int32GetDatum(record->pid); }),
        text(&AuditRecord::actor),
        text(&AuditRecord::role),
        text(&AuditRecord::address),
        text(&AuditRecord::application),
        text(&AuditRecord::database),
        text(&AuditRecord::correlation_id),
        text(&AuditRecord::resource_type),
        text(&AuditRecord::resource_id),
        TextsOf(records, rows,
                [](Record record) -> std::string_view {
                    return record->details[0] == '\0' ? "" : psprintf("%s}", record->details);
                }),
        TextsOf(records, rows,
                [](Record record) {
                    return protocol::NameOf(protocol::KindOf(record->event).severity);
                }),
    };
    Execute(&append, values);
    head->id = Int8Of(0, 1);
    head->hash = DigestOf(0, 2);
    head->recorded_at = TimeOf(0, 3);
}

AuditTail ReadAuditTail(int64 known_id) {
    Datum values[] = {Int64GetDatum(known_id)};
    Execute(&read_tail, values);
    bool is_null = false;
    const Oid log = DatumGetObjectId(CellOf(0, 1, &is_null));
    const AuditHead last = {MyDatabaseId, log, Int8Of(0, 2), TimeOf(0, 4), DigestOf(0, 3)};
    return {last, BytesOf(0, 5), !BytesOf(0, 6).empty(), DigestOf(0, 6)};
}

void MakeAuditMonths() {
    Datum values[] = {TimestampTzGetDatum(GetCurrentTimestamp())};
    Execute(&make_months, values);
}

bool DropExpiredAuditMonth(ExpiredAuditMonth* dropped) {
    Execute(&drop_month, nullptr);
    *dropped = {BytesOf(0, 1), Int8Of(0, 2), Int8Of(0, 3), BytesOf(0, 4)};
    return !dropped->month.empty();
}

}  // namespace pganalytics::pg
