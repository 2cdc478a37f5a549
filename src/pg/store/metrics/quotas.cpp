#include "pg/store/metrics/quotas.hpp"

#include "pg/base/guc.hpp"
#include "pg/base/statement.hpp"
#include "pg/store/metrics/bulk.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/date.h"
}

namespace pganalytics::pg {
namespace {

// One row for each server of the collector: the rows of one server can be removed with it.
Statement read_usage = {
    "SELECT coalesce(pg_catalog.sum(u.series), 0)::pg_catalog.int8, coalesce(pg_catalog.sum("
    "u.text_bytes) FILTER (WHERE u.text_day = $2), 0)::pg_catalog.int8 "
    "FROM pganalytics.servers s JOIN pganalytics.server_usage u ON u.server_id = s.server_id "
    "WHERE s.collector_id = $1",
    2,
    {UUIDOID, DATEOID},
    nullptr};

// The order of the servers is the same in every worker, so that two of them cannot deadlock.
Statement save_usage = {
    "INSERT INTO pganalytics.server_usage AS u (server_id, series, text_day, text_bytes) "
    "SELECT i.server_id, i.series, $4, i.text_bytes "
    "FROM unnest($1, $2, $3) AS i(server_id, series, text_bytes) ORDER BY i.server_id "
    "ON CONFLICT (server_id) DO UPDATE SET series = u.series + EXCLUDED.series, "
    "text_day = EXCLUDED.text_day, text_bytes = EXCLUDED.text_bytes + "
    "CASE WHEN u.text_day = EXCLUDED.text_day THEN u.text_bytes ELSE 0 END",
    4,
    {INT4ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, DATEOID},
    nullptr};

// Usage is what a collector had at the beginning of the transaction and what its pushes have added.
struct Usage {
    core::Uuid collector_id;
    int64 series;
    int64 text_bytes;
};
struct Added {
    int32 server_id;
    int64 series;
    int64 text_bytes;
};

// Lists in the transaction's memory, of as many elements as the group has collectors and servers.
List* usages = NIL;
List* additions = NIL;

DateADT Today() { return DayOf(GetCurrentTransactionStartTimestamp()); }

Usage* UsageOf(const core::Uuid& collector_id) {
    ListCell* cell = nullptr;
    foreach (cell, usages) {
        auto* const usage = static_cast<Usage*>(lfirst(cell));
        if (usage->collector_id == collector_id) return usage;
    }
    Datum values[] = {UuidDatum(collector_id), DateADTGetDatum(Today())};
    Execute(&read_usage, values);
    const Usage read = {collector_id, Int8Of(0, 1), Int8Of(0, 2)};
    MemoryContext const caller = MemoryContextSwitchTo(TopTransactionContext);
    auto* const usage = static_cast<Usage*>(palloc(sizeof(Usage)));
    *usage = read;
    usages = lappend(usages, usage);
    MemoryContextSwitchTo(caller);
    return usage;
}

Added* AddedOf(int32 server_id) {
    ListCell* cell = nullptr;
    foreach (cell, additions) {
        auto* const added = static_cast<Added*>(lfirst(cell));
        if (added->server_id == server_id) return added;
    }
    MemoryContext const caller = MemoryContextSwitchTo(TopTransactionContext);
    auto* const added = static_cast<Added*>(palloc0(sizeof(Added)));
    added->server_id = server_id;
    additions = lappend(additions, added);
    MemoryContextSwitchTo(caller);
    return added;
}

template <typename Field>
Datum Column(const Added* added, int count, Oid type, Field&& field) {
    return ArrayOf(added, count, type, [&field](const Added& a, bool*) { return field(a); });
}

}  // namespace

int AllowSeries(const PushJob& job, int wanted) {
    Usage* const usage = UsageOf(job.push.collector_id);
    const int64 room = Max(int64{settings.quota_series} - usage->series, int64{0});
    const int64 allowed = Min(room, int64{wanted});
    if (allowed == 0) return 0;
    usage->series += allowed;
    AddedOf(job.server_id)->series += allowed;
    return static_cast<int>(allowed);
}

bool AllowText(const PushJob& job, size_t bytes) {
    Usage* const usage = UsageOf(job.push.collector_id);
    const auto more = static_cast<int64>(bytes);
    if (usage->text_bytes + more > int64{settings.quota_texts_kb} * 1024) return false;
    usage->text_bytes += more;
    AddedOf(job.server_id)->text_bytes += more;
    return true;
}

void SaveUsage() {
    const int count = list_length(additions);
    if (count == 0) return;
    auto* const added = static_cast<Added*>(palloc(sizeof(Added) * static_cast<size_t>(count)));
    for (int i = 0; i < count; ++i) added[i] = *static_cast<Added*>(list_nth(additions, i));
    Datum values[] = {
        Column(added, count, INT4OID, [](const Added& a) { return Int32GetDatum(a.server_id); }),
        Column(added, count, INT8OID, [](const Added& a) { return Int64GetDatum(a.series); }),
        Column(added, count, INT8OID, [](const Added& a) { return Int64GetDatum(a.text_bytes); }),
        DateADTGetDatum(Today())};
    Execute(&save_usage, values);
}

void ForgetUsage() {
    usages = NIL;
    additions = NIL;
}

}  // namespace pganalytics::pg
