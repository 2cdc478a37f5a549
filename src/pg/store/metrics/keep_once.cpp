// Keep once: caches which contents are known to be stored, so that it rarely looks into the table.
#include "pg/base/cache.hpp"
#include "pg/base/digest.hpp"
#include "pg/base/statement.hpp"
#include "pg/store/metrics/keep.hpp"
#include "pg/store/metrics/metric_table.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "port/pg_bswap.h"
}

namespace pganalytics::pg {
namespace {

// This many entries take about 30 MB. A full cache is emptied.
constexpr int64 kMaxEntries = 300000;

struct ContentKey {
    int32 server_id;
    int32 series_id;
    int64 metric;
    QuickHash texts;
};
struct Content {
    ContentKey key;
    TimestampTz stored_at;  // sampled_at of the stored row; 0: not known to be stored
    bool touched;
};
Cache<ContentKey, Content> cache("pganalytics contents", kMaxEntries);

struct Unknown {
    Content* content;
    MetricRow* row;
};

// OFFSET 0 forces one index look-up by the whole key for each row; series_store.cpp says why.
Statement find_log_lines = {
    "SELECT i.ordinality, l.sampled_at FROM unnest($1, $2, $3) WITH ORDINALITY "
    "AS i(server_id, series_id, content_hash, ordinality) CROSS JOIN LATERAL "
    "(SELECT k.sampled_at FROM pganalytics.log_lines k WHERE k.server_id = i.server_id "
    "AND k.series_id = i.series_id AND k.content_hash = i.content_hash AND k.sampled_at >= $4 "
    "OFFSET 0) l",
    4,
    {INT4ARRAYOID, INT4ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID},
    nullptr};

Statement* FinderOf(const protocol::Metric& metric) {
    if (metric.id == protocol::MetricId::kLog) return &find_log_lines;
    elog(ERROR, "no statement finds the rows of \"%s\"", metric.relation.data());
}

int TextsOf(const MetricRow& row, std::string_view* texts) {
    const auto& columns = row.block->metric->columns;
    int count = 0;
    for (uint32_t i = 0; i < columns.size(); ++i) {
        if (columns[i].role != protocol::ColumnRole::kValue || !IsText(columns[i].type)) continue;
        texts[count++] = TextOf(*row.block, row.row, i);
    }
    return count;
}

int64 ContentHash(const std::string_view* texts, int count) {
    uint64 hash = 0;
    memcpy(&hash, DigestTexts(texts, count).bytes, sizeof(hash));
    return static_cast<int64>(pg_ntoh64(hash));
}

void FindStored(Statement* finder, const Unknown* unknown, int count, TimestampTz oldest) {
    Datum values[] = {
        ArrayOf(unknown, count, INT4OID,
                [](const Unknown& u, bool*) { return Int32GetDatum(u.content->key.server_id); }),
        ArrayOf(unknown, count, INT4OID,
                [](const Unknown& u, bool*) { return Int32GetDatum(u.content->key.series_id); }),
        ArrayOf(unknown, count, INT8OID,
                [](const Unknown& u, bool*) { return Int64GetDatum(u.row->content_hash); }),
        TimestampTzGetDatum(oldest)};
    Execute(finder, values);
    for (uint64 i = 0; i < SPI_processed; ++i) {
        const Unknown& stored = unknown[Int8Of(i, 1) - 1];
        bool is_null = false;
        stored.row->kept = false;
        stored.content->stored_at = DatumGetTimestampTz(CellOf(i, 2, &is_null));
    }
}

}  // namespace

void KeepOnce(const MetricRows& rows, TimestampTz oldest) {
    cache.Prepare();
    auto* const unknown = static_cast<Unknown*>(
        MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Unknown) * rows.count));
    int count = 0;
    for (uint32 i = 0; i < rows.count; ++i) {
        MetricRow* const row = &rows.list[i];
        std::string_view texts[protocol::kMaxColumns];
        const int text_count = TextsOf(*row, texts);
        ContentKey key = {};
        key.server_id = row->server_id();
        key.series_id = row->series_id;
        key.metric = static_cast<int64>(rows.metric->id);
        key.texts = EmptyHash();
        for (int t = 0; t < text_count; ++t) AddToHash(texts[t], &key.texts);
        bool found = false;
        Content* const content = cache.Enter(key, &found);
        // Do not store the row if its content is stored at `oldest` or later. Do not store it
        // either if this transaction has touched the entry: then the content is in an earlier row
        // of the group or in the table.
        row->kept = !found || (!content->touched && content->stored_at < oldest);
        if (!row->kept) continue;
        cache.Touch(content);
        content->stored_at = row->at;
        row->content_hash = ContentHash(texts, text_count);
        unknown[count++] = {content, row};
    }
    if (count > 0) {
        // Lock before the look-up: if two workers get the same line, the second one then looks only
        // after the first one has committed.
        LockServers(rows, [](const MetricRow& row) { return row.kept; });
        FindStored(FinderOf(*rows.metric), unknown, count, oldest);
    }
    pfree(unknown);
}

void CommitContents() { cache.Commit(); }
void ForgetTouchedContents() { cache.Abort(); }
void ForgetContents() { cache.Forget(); }

}  // namespace pganalytics::pg
