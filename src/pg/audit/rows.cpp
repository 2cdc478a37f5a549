// Audit rows: compares values byte by byte, and formats them independently of the session's
// settings.
#include "pg/audit/rows.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/json.h"
}

namespace pganalytics::pg {
namespace {

int NumberOf(const RowChange& change, const char* column) {
    const int number = SPI_fnumber(RelationGetDescr(change.relation), column);
    if (number <= 0) {
        ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
                errmsg("table \"%s\" has no column \"%s\"",
                       RelationGetRelationName(change.relation), column));
    }
    return number;
}

Datum DatumOf(const RowChange& change, HeapTuple row, int number, bool* is_null) {
    return heap_getattr(row, number, RelationGetDescr(change.relation), is_null);
}

AuditValue ValueOf(const RowChange& change, HeapTuple row, int number) {
    bool is_null = false;
    const Datum datum = DatumOf(change, row, number, &is_null);
    if (is_null) return {AuditValue::Kind::kNull, {}};
    const Oid type = TupleDescAttr(RelationGetDescr(change.relation), number - 1)->atttypid;
    switch (type) {
        case BOOLOID:
            return {AuditValue::Kind::kJson, DatumGetBool(datum) ? "true" : "false"};
        case TIMESTAMPTZOID: {
            auto* const text = static_cast<char*>(palloc(MAXDATELEN + 1));
            const int utc = 0;
            JsonEncodeDateTime(text, datum, TIMESTAMPTZOID, &utc);
            return {AuditValue::Kind::kText, text};
        }
        case INTERVALOID: {
            auto* const text = static_cast<char*>(palloc(MAXDATELEN + 1));
            pg_itm parts;
            interval2itm(*DatumGetIntervalP(datum), &parts);
            EncodeInterval(&parts, INTSTYLE_POSTGRES, text);
            return {AuditValue::Kind::kText, text};
        }
        default:
            break;
    }
    const bool is_number = type == INT4OID || type == INT8OID || type == OIDOID;
    return {is_number ? AuditValue::Kind::kJson : AuditValue::Kind::kText,
            SPI_getvalue(row, RelationGetDescr(change.relation), number)};
}

bool Differs(const RowChange& change, int number) {
    bool was_null = false;
    bool is_null = false;
    const Datum before = DatumOf(change, change.before, number, &was_null);
    const Datum after = DatumOf(change, change.after, number, &is_null);
    if (was_null || is_null) return was_null != is_null;
    const Form_pg_attribute column = TupleDescAttr(RelationGetDescr(change.relation), number - 1);
    return !datum_image_eq(before, after, column->attbyval, column->attlen);
}

bool IsAmong(const char* name, const char* const* columns, int count) {
    for (int i = 0; i < count; ++i) {
        if (strcmp(name, columns[i]) == 0) return true;
    }
    return false;
}

// IsOpaque: the value of the column means nothing to a reader, or must not be shown.
bool IsOpaque(std::string_view name) {
    return name.ends_with("sha256") || name == "pem" || name == "public_key" || name == "csr";
}

// ForEachOther calls do_one(number, name) for each column that differs and is not in `without`,
// until do_one returns false.
template <typename DoOne>
void ForEachOther(const RowChange& change, const char* const* without, int count, DoOne&& do_one) {
    const TupleDesc columns = RelationGetDescr(change.relation);
    for (int number = 1; number <= columns->natts; ++number) {
        const Form_pg_attribute column = TupleDescAttr(columns, number - 1);
        const char* const name = NameStr(column->attname);
        if (column->attisdropped || IsAmong(name, without, count) || !Differs(change, number)) {
            continue;
        }
        if (!do_one(number, name)) return;
    }
}

}  // namespace

AuditValue ValueOf(const RowChange& change, HeapTuple row, const char* column) {
    return ValueOf(change, row, NumberOf(change, column));
}

const char* TextOf(const RowChange& change, HeapTuple row, const char* column) {
    const AuditValue value = ValueOf(change, row, column);
    return value.kind == AuditValue::Kind::kNull ? "" : value.text.data();
}

TimestampTz TimeOf(const RowChange& change, HeapTuple row, const char* column) {
    bool is_null = false;
    return DatumGetTimestampTz(DatumOf(change, row, NumberOf(change, column), &is_null));
}

bool IsNull(const RowChange& change, HeapTuple row, const char* column) {
    bool is_null = false;
    DatumOf(change, row, NumberOf(change, column), &is_null);
    return is_null;
}

bool Differs(const RowChange& change, const char* column) {
    return Differs(change, NumberOf(change, column));
}

bool DiffersBeside(const RowChange& change, const char* const* columns, int count) {
    bool differs = false;
    ForEachOther(change, columns, count, [&differs](int, const char*) {
        differs = true;
        return false;
    });
    return differs;
}

void AddChanges(AuditRecord* record, const RowChange& change, const char* const* without,
                int count) {
    ForEachOther(change, without, count, [&](int number, const char* name) {
        if (IsOpaque(name)) {
            AddAuditDetail(record, name, "changed");
        } else {
            AddAuditChange(record, name, ValueOf(change, change.before, number),
                           ValueOf(change, change.after, number));
        }
        return true;
    });
}

}  // namespace pganalytics::pg
