// API silences: silences one alert or all alerts that match, lists silences, and ends them.
#include "pg/api/handlers.hpp"
#include "pg/api/pages.hpp"
#include "pg/base/statement.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace pganalytics::pg {
namespace {

constexpr char kNoSilence[] = "there is no such silence";

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
    "SELECT pganalytics.silence_alert($1, pg_catalog.make_interval(mins => $2::int), $3)",
    3,
    {INT8OID, INT8OID, TEXTOID},
    nullptr};
Statement silence_alerts = {
    "SELECT pganalytics.silence_alerts($1::pg_catalog.jsonb, "
    "coalesce(pg_catalog.make_interval(mins => $2::int), $3 - coalesce($4, pg_catalog.now())), $5, "
    "coalesce($4, pg_catalog.now()))",
    5,
    {TEXTOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID},
    nullptr};
Statement end_silence = {"SELECT pganalytics.end_silence($1)", 1, {INT8OID}, nullptr};

void ReplySilence(ApiCall* call, int64 id) {
    Datum values[] = {Int64GetDatum(id)};
    Execute(&find_silence, values);
    ReplyDocument(call, kNoSilence);
}

}  // namespace

void SilenceAlert(ApiCall* call) {
    int64 id = 0;
    if (!ReadPathId(call, &id, "there is no such alert")) return;
    bool nulls[3] = {};
    Datum values[3] = {Int64GetDatum(id)};
    TakeArguments(call->inputs, {"duration", "reason"}, values + 1, nulls + 1);
    Execute(&silence_alert, values, nulls);
    ReplySilence(call, Int8Of(0, 1));
}

void Silences(ApiCall* call) {
    const ApiPage page = PageOf(*call);
    Datum values[3] = {};
    bool nulls[3] = {};
    TakeArguments(call->inputs, {"state", "page_size"}, values, nulls);
    values[2] = Int64GetDatum(page.offset());
    Execute(&list_silences, values, nulls);
    ReplyPage(call, page);
}

void CreateSilence(ApiCall* call) {
    Datum values[5] = {};
    bool nulls[5] = {};
    TakeArguments(call->inputs, {"matchers", "duration", "ends_at", "starts_at", "reason"}, values,
                  nulls);
    if (nulls[1] == nulls[2]) {
        return RefuseCall(call, 422, "\"duration\" or \"ends_at\" is needed, one of them");
    }
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
