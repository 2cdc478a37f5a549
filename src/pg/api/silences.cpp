// API silences: of one alert, and by matchers.
#include "pg/api/alerts.hpp"
#include "pg/api/pages.hpp"
#include "pg/base/statement.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace pganalytics::pg {
namespace {

constexpr char kNoSilence[] = "there is no such silence";
constexpr size_t kMaxReasonBytes = 4096;
constexpr size_t kMaxMatchersBytes = 32768;
constexpr size_t kMaxTimeBytes = 64;
constexpr size_t kMaxNumberBytes = 16;
constexpr int64 kMaxMinutes = 366 * 24 * 60;
constexpr char kBadDuration[] = "\"duration\" is a number of minutes from 1 to 527040";

#define PGANALYTICS_SILENCE                                                        \
    "pg_catalog.json_build_object('id', s.silence_id, 'state', s.state, "          \
    "'matchers', s.matchers, 'starts_at', s.starts_at, 'ends_at', s.ends_at, "     \
    "'reason', s.reason, 'created_at', s.created_at, 'created_by', s.created_by, " \
    "'ended_by', s.ended_by)"

Statement list_silences = {
    "WITH found AS MATERIALIZED (SELECT s.* FROM pganalytics.silences s "
    "WHERE $1 IS NULL OR s.state = $1) "
    "SELECT (SELECT pg_catalog.count(*) FROM found), (SELECT "
    "coalesce(pg_catalog.json_agg(" PGANALYTICS_SILENCE
    " ORDER BY s.silence_id DESC), '[]')::text "
    "FROM (SELECT * FROM found ORDER BY silence_id DESC LIMIT $2 OFFSET $3) s)",
    3,
    {TEXTOID, INT8OID, INT8OID},
    nullptr};
Statement find_silence = {"SELECT " PGANALYTICS_SILENCE
                          "::text FROM pganalytics.silences s WHERE s.silence_id = $1",
                          1,
                          {INT8OID},
                          nullptr};
#undef PGANALYTICS_SILENCE
Statement silence_alert = {
    "SELECT pganalytics.silence_alert($1, pg_catalog.make_interval(mins => $2), $3)",
    3,
    {INT8OID, INT4OID, TEXTOID},
    nullptr};
Statement silence_alerts = {
    "SELECT pganalytics.silence_alerts($1::pg_catalog.jsonb, "
    "coalesce(pg_catalog.make_interval(mins => $2), $3 - coalesce($4, pg_catalog.now())), $5, "
    "coalesce($4, pg_catalog.now()))",
    5,
    {TEXTOID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID},
    nullptr};
Statement end_silence = {"SELECT pganalytics.end_silence($1)", 1, {INT8OID}, nullptr};

void ReplySilence(ApiCall* call, int64 id) {
    Datum values[] = {Int64GetDatum(id)};
    Execute(&find_silence, values);
    ReplyDocument(call, kNoSilence);
}

bool ReadMinutes(const char* text, int64* minutes) {
    return ParseCount(text, kMaxMinutes, minutes) && *minutes > 0;
}

// ReadTimeField: a field that was left out is good, and its time NULL.
bool ReadTimeField(const JsonField& field, TimestampTz* time, bool* is_null) {
    *is_null = field.value == nullptr;
    return field.value == nullptr || ParseInstant(field.value, time);
}

}  // namespace

void SilenceAlert(ApiCall* call) {
    constexpr JsonField kWanted[] = {{"duration", kMaxNumberBytes, nullptr, JsonKind::kNumber},
                                     {"reason", kMaxReasonBytes, nullptr}};
    constexpr char kNoAlert[] = "there is no such alert";
    int64 id = 0;
    int64 minutes = 0;
    if (!ReadPathId(call, &id, kNoAlert)) return;
    if (!ReadFields(call, kWanted, lengthof(kWanted))) return;
    if (!ReadMinutes(call->fields[0].value, &minutes)) return RefuseCall(call, 422, kBadDuration);
    Datum values[] = {Int64GetDatum(id), Int32GetDatum(static_cast<int32>(minutes)),
                      CStringGetTextDatum(call->fields[1].value)};
    Execute(&silence_alert, values);
    ReplySilence(call, Int8Of(0, 1));
}

void Silences(ApiCall* call) {
    enum Parameter : int { kState, kPage, kPageSize, kParameters };
    QueryField fields[kParameters] = {{"state"}, {"page"}, {"page_size"}};
    ApiPage page;
    const char* why = nullptr;
    if (!ReadQueryFields(call->request->query, fields, kParameters, &why) ||
        !ReadPage(fields[kPage].value, fields[kPageSize].value, &page, &why)) {
        return RefuseCall(call, 422, why);
    }
    const char* const state = fields[kState].value;
    if (state != nullptr && strcmp(state, "pending") != 0 && strcmp(state, "active") != 0 &&
        strcmp(state, "expired") != 0) {
        return RefuseCall(call, 422, "\"state\" is pending, active or expired");
    }
    bool nulls[] = {false, false, false};
    Datum values[] = {TextOrNull(state, &nulls[0]), Int64GetDatum(page.size),
                      Int64GetDatum(page.offset())};
    Execute(&list_silences, values, nulls);
    ReplyPage(call, page);
}

void CreateSilence(ApiCall* call) {
    constexpr JsonField kWanted[] = {
        {"matchers", kMaxMatchersBytes, nullptr, JsonKind::kDocument},
        {"reason", kMaxReasonBytes, nullptr},
        {"duration", kMaxNumberBytes, nullptr, JsonKind::kNumber, true},
        {"starts_at", kMaxTimeBytes, nullptr, JsonKind::kText, true},
        {"ends_at", kMaxTimeBytes, nullptr, JsonKind::kText, true}};
    if (!ReadFields(call, kWanted, lengthof(kWanted))) return;
    const JsonField& duration = call->fields[2];
    int64 minutes = 0;
    TimestampTz starts_at = 0;
    TimestampTz ends_at = 0;
    bool nulls[5] = {};
    nulls[1] = duration.value == nullptr;
    if (!nulls[1] && !ReadMinutes(duration.value, &minutes)) {
        return RefuseCall(call, 422, kBadDuration);
    }
    if (!ReadTimeField(call->fields[3], &starts_at, &nulls[3])) {
        return RefuseCall(call, 422, "\"starts_at\" is a date or a time as RFC 3339 has it");
    }
    if (!ReadTimeField(call->fields[4], &ends_at, &nulls[2])) {
        return RefuseCall(call, 422, "\"ends_at\" is a date or a time as RFC 3339 has it");
    }
    if (nulls[1] == nulls[2]) {
        return RefuseCall(call, 422, "\"duration\" or \"ends_at\" is needed, one of them");
    }
    Datum values[] = {CStringGetTextDatum(call->fields[0].value),
                      Int32GetDatum(static_cast<int32>(minutes)), TimestampTzGetDatum(ends_at),
                      TimestampTzGetDatum(starts_at), CStringGetTextDatum(call->fields[1].value)};
    Execute(&silence_alerts, values, nulls);
    ReplySilence(call, Int8Of(0, 1));
}

void EndSilence(ApiCall* call) {
    int64 id = 0;
    if (!ReadPathId(call, &id, kNoSilence)) return;
    Datum values[] = {Int64GetDatum(id)};
    Execute(&end_silence, values);
    ReplySilence(call, id);
}

}  // namespace pganalytics::pg
