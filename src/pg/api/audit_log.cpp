// API audit log: GET /api/v1/audit-logs, a page of the audit log as JSON or CSV.
#include "pg/api/audit_log.hpp"

#include "pg/api/query_fields.hpp"
#include "pg/base/statement.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/json.h"
}

namespace pganalytics::pg {
namespace {

constexpr int64 kDefaultLimit = 100;
constexpr int64 kMaxLimit = 1000;
constexpr char kPath[] = "/api/v1/audit-logs";

// The names of the v3 server's entries stand behind ours.
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
    bool is_json;  // a number or a document: not a text
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

enum Parameter : int {
    kUserId,
    kAction,
    kResourceType,
    kResourceId,
    kStartDate,
    kEndDate,
    kSeverity,
    kLimit,
    kOffset,
    kBefore,
    kFormat,
    kParameters
};

// Page is what is asked for. A nullptr or -1: whatever it is.
struct Page {
    QueryField fields[kParameters];
    TimestampTz start;
    TimestampTz end;
    const char* severity;
    int64 limit;
    int64 offset;
    int64 before;
    bool csv;
};

bool ReadTimes(Page* page, const char** why) {
    const QueryField& start = page->fields[kStartDate];
    const QueryField& end = page->fields[kEndDate];
    *why = "\"start_date\" is a date or a time as RFC 3339 has it";
    if (start.value != nullptr && !ParseInstant(start.value, &page->start)) return false;
    *why = "\"end_date\" is a date or a time as RFC 3339 has it";
    return end.value == nullptr || ParseInstant(end.value, &page->end);
}

bool ReadCounts(Page* page, const char** why) {
    page->limit = kDefaultLimit;
    page->offset = 0;
    page->before = -1;
    const QueryField* const fields = page->fields;
    *why = "\"limit\" is a number from 1 to 1000";
    if (fields[kLimit].value != nullptr &&
        (!ParseCount(fields[kLimit].value, kMaxLimit, &page->limit) || page->limit == 0)) {
        return false;
    }
    *why = "\"offset\" is a number from 0 to 1000000000";
    if (fields[kOffset].value != nullptr &&
        !ParseCount(fields[kOffset].value, 1000000000, &page->offset)) {
        return false;
    }
    *why = "\"before\" is the id of a row";
    return fields[kBefore].value == nullptr ||
           ParseCount(fields[kBefore].value, PG_INT64_MAX / 20, &page->before);
}

bool ReadNames(Page* page, const char** why) {
    const char* const format = page->fields[kFormat].value;
    page->csv = format != nullptr && strcmp(format, "csv") == 0;
    *why = "\"format\" is json or csv";
    if (format != nullptr && !page->csv && strcmp(format, "json") != 0) return false;
    const char* const severity = page->fields[kSeverity].value;
    page->severity = nullptr;
    if (severity == nullptr) return true;
    for (const char* known : {"INFO", "WARN", "ERROR"}) {
        if (pg_strcasecmp(severity, known) == 0) page->severity = known;
    }
    *why = "\"severity\" is INFO, WARN or ERROR";
    return page->severity != nullptr;
}

bool ReadPage(std::string_view query, Page* page, const char** why) {
    *page = {{{"user_id"},
              {"action"},
              {"resource_type"},
              {"resource_id"},
              {"start_date"},
              {"end_date"},
              {"severity"},
              {"limit"},
              {"offset"},
              {"before"},
              {"format"}}};
    return ReadQueryFields(query, page->fields, kParameters, why) && ReadTimes(page, why) &&
           ReadCounts(page, why) && ReadNames(page, why);
}

// Find runs the statement, for one row more than asked for: whether there is one decides whether
// there is a next page.
void Find(const Page& page) {
    Datum values[12] = {};
    bool nulls[12] = {};
    const auto set = [&values, &nulls](int i, const char* text) {
        nulls[i] = text == nullptr;
        if (text != nullptr) values[i] = CStringGetTextDatum(text);
    };
    const char* const action = page.fields[kAction].value;
    const size_t size = action == nullptr ? 0 : strlen(action);
    const bool by_prefix = size > 0 && action[size - 1] == '*';
    set(0, page.fields[kUserId].value);
    set(1, by_prefix ? nullptr : action);
    set(2, by_prefix ? pnstrdup(action, size - 1) : nullptr);
    set(3, page.fields[kResourceType].value);
    set(4, page.fields[kResourceId].value);
    values[5] = TimestampTzGetDatum(page.start);
    nulls[5] = page.fields[kStartDate].value == nullptr;
    values[6] = TimestampTzGetDatum(page.end);
    nulls[6] = page.fields[kEndDate].value == nullptr;
    set(7, page.severity);
    values[8] = Int64GetDatum(page.before);
    nulls[8] = page.before < 0;
    values[9] = Int64GetDatum(page.limit + 1);
    values[10] = Int64GetDatum(page.offset);
    set(11, "YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"");
    Execute(&find, values, nulls);
}

// AppendCell writes a field of RFC 4180. A text that a spreadsheet would take for a formula gets an
// apostrophe in front, by which it takes it for a text.
void AppendCell(StringInfo out, const char* text) {
    if (text == nullptr) return;
    appendStringInfoChar(out, '"');
    if (text[0] != '\0' && strchr("=+-@\t\r", text[0]) != nullptr) appendStringInfoChar(out, '\'');
    for (; *text != '\0'; ++text) {
        if (*text == '"') appendStringInfoChar(out, '"');
        appendStringInfoChar(out, *text);
    }
    appendStringInfoChar(out, '"');
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

// NextPath is the page after this one: the same filters, without an offset, before its last row.
char* NextPath(std::string_view query, int64 last) {
    StringInfoData out;
    initStringInfo(&out);
    appendStringInfo(&out, "%s?", kPath);
    while (!query.empty()) {
        const size_t end = Min(query.find('&'), query.size());
        const std::string_view piece = query.substr(0, end);
        query.remove_prefix(Min(end + 1, query.size()));
        if (piece.empty() || piece.starts_with("before=") || piece.starts_with("offset=")) continue;
        appendBinaryStringInfo(&out, piece.data(), static_cast<int>(piece.size()));
        appendStringInfoChar(&out, '&');
    }
    appendStringInfo(&out, "before=%lld", static_cast<long long>(last));
    return out.data;
}

}  // namespace

void AuditLogs(ApiCall* call) {
    Page page;
    const char* why = nullptr;
    if (!ReadPage(call->request->query, &page, &why)) return RefuseCall(call, 422, why);
    Find(page);
    StringInfoData out;
    StringInfoData row_text;
    initStringInfo(&out);
    initStringInfo(&row_text);
    AppendHead(&out, page.csv);
    // What closes the document has room, too.
    constexpr size_t kRoom = kMaxReplyBytes - 64;
    const uint64 found = SPI_processed;
    uint64 row = 0;
    int64 last = -1;
    for (; row < Min(found, static_cast<uint64>(page.limit)); ++row) {
        resetStringInfo(&row_text);
        AppendRow(&row_text, row, page.csv);
        if (static_cast<size_t>(out.len + row_text.len) > kRoom) break;
        if (row > 0 && !page.csv) appendStringInfoChar(&out, ',');
        appendBinaryStringInfo(&out, row_text.data, row_text.len);
        last = Int8Of(row, 1);
    }
    const bool more = row < found;
    if (!page.csv) {
        appendStringInfoString(&out, "],\"next\":");
        if (more) {
            appendStringInfo(&out, "%lld}", static_cast<long long>(last));
        } else {
            appendStringInfoString(&out, "null}");
        }
    }
    ReplyJson(call, out.data);
    if (call->reply->status != 200) return;
    if (page.csv) {
        call->reply->content_type = "text/csv; charset=utf-8; header=present";
        call->reply->file_name = "audit-logs.csv";
    }
    if (more) {
        call->reply->next =
            MemoryContextStrdup(call->context, NextPath(call->request->query, last));
    }
}

}  // namespace pganalytics::pg
