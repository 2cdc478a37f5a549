// API audit log: GET /api/v1/audit-logs, a page of the audit log as JSON or CSV. The next page is
// found by the id of the last row of this page, so rows that are added meanwhile neither repeat nor
// hide a row.
#include "core/spreadsheet.hpp"
#include "pg/api/handlers.hpp"
#include "pg/api/pages.hpp"
#include "pg/base/statement.hpp"
#include "pg/base/visible_text.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/json.h"
}

namespace pganalytics::pg {
namespace {

// The last five columns repeat data under the names that the v3 server used.
Statement find = {
    "SELECT l.id, pg_catalog.to_char(l.occurred_at, $12), pg_catalog.to_char(l.recorded_at, $12), "
    "l.event, l.severity, l.source, l.outcome, l.pid, l.actor, l.role, l.address, l.application, "
    "l.database, l.correlation_id, l.resource_type, l.resource_id, l.details, "
    "pg_catalog.encode(l.hash, 'hex'), l.actor, l.event, l.details, l.address, "
    "pg_catalog.to_char(l.occurred_at, $12) "
    "FROM pganalytics.audit_log l "
    "WHERE ($1 IS NULL OR l.actor = $1) AND ($2 IS NULL OR l.event = $2) "
    "AND ($3 IS NULL OR pg_catalog.starts_with(l.event, $3)) "
    "AND ($4 IS NULL OR l.resource_type = $4) AND ($5 IS NULL OR l.resource_id = $5) "
    "AND ($6 IS NULL OR l.occurred_at >= $6) AND ($7 IS NULL OR l.occurred_at <= $7) "
    "AND ($8 IS NULL OR l.severity = $8) AND ($9 IS NULL OR l.id < $9) "
    "ORDER BY l.id DESC LIMIT $10 OFFSET $11",
    12,
    {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, INT8OID,
     INT8OID, INT8OID, TEXTOID},
    nullptr};

struct Member {
    const char* name;
    bool is_json;  // true: a number or a document; false: a text
};
constexpr Member kMembers[] = {{"id", true},
                               {"occurred_at", false},
                               {"recorded_at", false},
                               {"event", false},
                               {"severity", false},
                               {"source", false},
                               {"outcome", false},
                               {"pid", true},
                               {"actor", false},
                               {"role", false},
                               {"address", false},
                               {"application", false},
                               {"database", false},
                               {"correlation_id", false},
                               {"resource_type", false},
                               {"resource_id", false},
                               {"details", true},
                               {"hash", false},
                               {"user_id", false},
                               {"action", false},
                               {"changes", true},
                               {"ip_address", false},
                               {"created_at", false}};

// Find selects one row more than the request asks for. If this row exists, there is a next page.
void Find(const ApiInputs& inputs) {
    constexpr int kArguments = 12;
    Datum values[kArguments] = {};
    bool nulls[kArguments] = {};
    TakeArguments(inputs,
                  {"user_id", "action", "action", "resource_type", "resource_id", "start_date",
                   "end_date", "severity", "before", "limit", "offset"},
                  values, nulls);
    const char* const action = inputs.At("action").text;
    const size_t size = action == nullptr ? 0 : strlen(action);
    const bool by_prefix = size > 0 && action[size - 1] == '*';
    // Compare either the whole name ($2) or its beginning ($3). The other argument is NULL.
    nulls[by_prefix ? 1 : 2] = true;
    if (by_prefix) values[2] = TextDatum(std::string_view(action, size - 1));
    values[9] = Int64GetDatum(inputs.At("limit").integer + 1);
    values[11] = CStringGetTextDatum("YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"");
    Execute(&find, values, nulls);
}

// AppendCell appends a field as in RFC 4180, with escapes for what has no shape (core/visible.hpp).
// A text that a spreadsheet would run gets an apostrophe in front, so that the spreadsheet takes it
// as text.
void AppendCell(StringInfo out, const char* text) {
    if (text == nullptr) return;
    StringInfoData shown;
    initStringInfo(&shown);
    AppendVisible(&shown, text);
    appendStringInfoChar(out, '"');
    if (core::IsFormula(text) || core::IsFormula(shown.data)) appendStringInfoChar(out, '\'');
    for (const char* c = shown.data; *c != '\0'; ++c) {
        if (*c == '"') appendStringInfoChar(out, '"');
        appendStringInfoChar(out, *c);
    }
    appendStringInfoChar(out, '"');
    pfree(shown.data);
}

void AppendRow(StringInfo out, uint64 row, bool csv) {
    for (int i = 0; i < static_cast<int>(lengthof(kMembers)); ++i) {
        const char* const text =
            SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, i + 1);
        if (csv) {
            if (i > 0) appendStringInfoChar(out, ',');
            AppendCell(out, text);
            continue;
        }
        appendStringInfo(out, "%s\"%s\":", i == 0 ? "{" : ",", kMembers[i].name);
        if (text == nullptr) {
            appendStringInfoString(out, "null");
        } else if (kMembers[i].is_json) {
            appendStringInfoString(out, text);
        } else {
            escape_json(out, text);
        }
    }
    appendStringInfoString(out, csv ? "\r\n" : "}");
}

void AppendHead(StringInfo out, bool csv) {
    if (!csv) return appendStringInfoString(out, "{\"data\":[");
    for (size_t i = 0; i < lengthof(kMembers); ++i) {
        appendStringInfo(out, "%s%s", i == 0 ? "" : ",", kMembers[i].name);
    }
    appendStringInfoString(out, "\r\n");
}

}  // namespace

void AuditLogs(ApiCall* call) {
    const bool csv = strcmp(call->inputs.At("format").text, "csv") == 0;
    const int64 limit = call->inputs.At("limit").integer;
    Find(call->inputs);
    StringInfoData out;
    StringInfoData row_text;
    initStringInfo(&out);
    initStringInfo(&row_text);
    AppendHead(&out, csv);
    // Leave room for the end of the document.
    constexpr size_t kRoom = kMaxReplyBytes - 64;
    const uint64 found = SPI_processed;
    uint64 row = 0;
    int64 last = -1;
    for (; row < Min(found, static_cast<uint64>(limit)); ++row) {
        resetStringInfo(&row_text);
        AppendRow(&row_text, row, csv);
        if (static_cast<size_t>(out.len + row_text.len) > kRoom) break;
        if (row > 0 && !csv) appendStringInfoChar(&out, ',');
        appendBinaryStringInfo(&out, row_text.data, row_text.len);
        last = Int8Of(row, 1);
    }
    const bool more = row < found;
    if (!csv) {
        appendStringInfoString(&out, "],\"next\":");
        if (more) {
            appendStringInfo(&out, "%lld}", static_cast<long long>(last));
        } else {
            appendStringInfoString(&out, "null}");
        }
    }
    ReplyJson(call, out.data);
    if (call->reply->status != 200) return;
    if (csv) {
        call->reply->content_type = "text/csv; charset=utf-8; header=present";
        call->reply->file_name = "audit-logs.csv";
    }
    if (more) {
        call->reply->next = MemoryContextStrdup(call->context, LinkBefore(*call, last));
    }
}

}  // namespace pganalytics::pg
