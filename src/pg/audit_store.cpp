// Audit store: one statement for a group of records.
#include "pg/audit_store.hpp"

#include "pg/statement.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace pganalytics::pg {
namespace {

using Record = const AuditRecord*;

Statement append = {
    "SELECT id, hash FROM pganalytics.append_audit_records($1, $2, $3, $4, $5, $6, $7, $8, $9, "
    "$10, "
    "$11, $12, $13, $14, $15, $16, $17)",
    17,
    {INT8OID, BYTEAOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT4ARRAYOID,
     TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
     TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID},
    nullptr};

std::string_view NameOf(AuditSource source) {
    constexpr std::string_view kNames[] = {"session", "api", "collectors", "server"};
    return kNames[static_cast<size_t>(source)];
}

std::string_view NameOf(AuditOutcome outcome) {
    constexpr std::string_view kNames[] = {"success", "denied", "failed"};
    return kNames[static_cast<size_t>(outcome)];
}

// TextsOf makes an array of one field of all records; empty ones are NULL.
template <typename Give>
Datum TextsOf(const Record* records, int count, Give&& give) {
    return ArrayOf(records, count, TEXTOID, [&give](Record record, bool* is_null) {
        const std::string_view text = give(record);
        *is_null = text.empty();
        return text.empty() ? Datum{0} : TextDatum(text);
    });
}

}  // namespace

void StoreAuditRecords(const AuditRecord* const* records, uint32 count, AuditHead* head) {
    const int rows = static_cast<int>(count);
    const auto text = [=](auto member) {
        return TextsOf(records, rows,
                       [member](Record record) { return std::string_view(record->*member); });
    };
    Datum values[] = {
        Int64GetDatum(head->id),
        DigestDatum(head->hash),
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
    *head = {Int8Of(0, 1), DigestOf(0, 2)};
}

}  // namespace pganalytics::pg
