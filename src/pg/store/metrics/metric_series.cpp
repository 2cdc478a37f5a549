#include "pg/store/metrics/metric_series.hpp"

#include <utility>

#include "pg/base/cache.hpp"
#include "pg/base/digest.hpp"
#include "pg/base/statement.hpp"
#include "pg/store/metrics/metric_table.hpp"
#include "pg/store/metrics/quotas.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/uuid.h"
}

namespace pganalytics::pg {
namespace {

using protocol::ColumnRole;

// This many entries take about 50 MB. A full cache is emptied.
constexpr int64 kMaxEntries = 500000;

struct SeriesKey {
    int32 server_id;
    int32 database_id;
    int64 metric;
    QuickHash labels;
};
struct Series {
    SeriesKey key;
    int32 series_id;  // 0: not resolved yet
    bool touched;
};
Cache<SeriesKey, Series> cache("pganalytics metric series", kMaxEntries);

// LabelColumns lists the columns whose texts are the labels of a series.
struct LabelColumns {
    uint32_t list[protocol::kMaxColumns];
    int count;
};

LabelColumns LabelsOf(const protocol::Metric& metric) {
    LabelColumns labels = {};
    for (uint32_t i = 0; i < metric.columns.size(); ++i) {
        if (metric.columns[i].role != ColumnRole::kIdentity) continue;
        if (metric.columns[i].type != protocol::ColumnType::kText) {
            elog(ERROR, "a label of \"%s\" is no text", metric.relation.data());
        }
        labels.list[labels.count++] = i;
    }
    return labels;
}

// Missing is a series that is not in the cache, and a row that names the series.
struct Missing {
    Series* series;
    const MetricRow* row;
    pg_uuid_t label_hash;
};

// OFFSET 0 forces one index look-up by the whole key for each row; series_store.cpp says why.
Statement load_series = {
    "SELECT i.ordinality, s.series_id FROM unnest($2, $3, $4) WITH ORDINALITY "
    "AS i(server_id, database_id, label_hash, ordinality) "
    "CROSS JOIN LATERAL (SELECT m.series_id FROM pganalytics.metric_series m "
    "WHERE m.server_id = i.server_id AND m.relation = $1 AND m.database_id = i.database_id "
    "AND m.label_hash = i.label_hash OFFSET 0) s",
    4,
    {TEXTOID, INT4ARRAYOID, INT4ARRAYOID, 2951 /* uuid[] */},
    nullptr};

// Pass the labels as the text of an array, because unnest() would flatten an array of arrays.
Statement add_series = {
    "INSERT INTO pganalytics.metric_series (server_id, relation, database_id, labels, label_hash, "
    "first_seen) SELECT i.server_id, $1, i.database_id, i.labels::pg_catalog.text[], i.label_hash, "
    "i.seen FROM unnest($2, $3, $4, $5, $6) AS i(server_id, database_id, labels, label_hash, seen) "
    "ORDER BY i.server_id, i.database_id, i.label_hash "
    "ON CONFLICT (server_id, relation, database_id, label_hash) DO NOTHING",
    6,
    {TEXTOID, INT4ARRAYOID, INT4ARRAYOID, TEXTARRAYOID, 2951, TIMESTAMPTZARRAYOID},
    nullptr};

Datum Servers(const Missing* missing, int count) {
    return ArrayOf(missing, count, INT4OID,
                   [](const Missing& m, bool*) { return Int32GetDatum(m.series->key.server_id); });
}
Datum Databases(const Missing* missing, int count) {
    return ArrayOf(missing, count, INT4OID, [](const Missing& m, bool*) {
        return Int32GetDatum(m.series->key.database_id);
    });
}
Datum LabelHashes(const Missing* missing, int count) {
    return ArrayOf(missing, count, UUIDOID,
                   [](const Missing& m, bool*) { return UUIDPGetDatum(&m.label_hash); });
}
Datum FirstSeen(const Missing* missing, int count) {
    return ArrayOf(missing, count, TIMESTAMPTZOID,
                   [](const Missing& m, bool*) { return TimestampTzGetDatum(m.row->at); });
}
Datum LabelTexts(const Missing* missing, int count, const LabelColumns& labels) {
    return ArrayOf(missing, count, TEXTOID, [&labels](const Missing& m, bool*) {
        auto text = [&m](uint32_t column, bool*) {
            return TextDatum(TextOf(*m.row->block, m.row->row, column));
        };
        const Datum array = labels.count == 0 ? PointerGetDatum(construct_empty_array(TEXTOID))
                                              : ArrayOf(labels.list, labels.count, TEXTOID, text);
        return CStringGetTextDatum(OidOutputFunctionCall(F_ARRAY_OUT, array));
    });
}

void Load(Datum relation, const Missing* missing, int count) {
    Datum values[] = {relation, Servers(missing, count), Databases(missing, count),
                      LabelHashes(missing, count)};
    Execute(&load_series, values);
    for (uint64 row = 0; row < SPI_processed; ++row) {
        missing[Int8Of(row, 1) - 1].series->series_id = Int4Of(row, 2);
    }
}

// AddMissing fills in the entries that were not in the cache: it loads their series from the table
// or adds them. It changes the order of `missing`. Series beyond the quota keep the number 0.
void AddMissing(const protocol::Metric& metric, const LabelColumns& labels, Missing* missing,
                int count) {
    for (int i = 0; i < count; ++i) {
        std::string_view texts[protocol::kMaxColumns];
        const MetricRow& row = *missing[i].row;
        for (int c = 0; c < labels.count; ++c) {
            texts[c] = TextOf(*row.block, row.row, labels.list[c]);
        }
        const core::Sha256 digest = DigestTexts(texts, labels.count);
        memcpy(missing[i].label_hash.data, digest.bytes, UUID_LEN);
    }
    const Datum relation = TextDatum(metric.relation);
    Load(relation, missing, count);
    int fresh = 0;
    for (int i = 0; i < count; ++i) {
        if (missing[i].series->series_id == 0 && AllowSeries(*missing[i].row->job, 1) == 1) {
            std::swap(missing[fresh++], missing[i]);
        }
    }
    if (fresh == 0) return;
    Datum values[] = {relation,
                      Servers(missing, fresh),
                      Databases(missing, fresh),
                      LabelTexts(missing, fresh, labels),
                      LabelHashes(missing, fresh),
                      FirstSeen(missing, fresh)};
    Execute(&add_series, values);
    Load(relation, missing, fresh);
    for (int i = 0; i < fresh; ++i) {
        if (missing[i].series->series_id == 0) elog(ERROR, "could not find or add a series");
    }
}

// NamesTheSame: the two rows are of one block and have equal words in the columns that name the
// series.
bool NamesTheSame(const MetricRow& a, const MetricRow& b, const LabelColumns& labels) {
    if (a.block != b.block || a.account != b.account) return false;
    for (int c = 0; c < labels.count; ++c) {
        if (a.row.Word(labels.list[c]) != b.row.Word(labels.list[c])) return false;
    }
    return true;
}

}  // namespace

void ResolveMetricSeries(MetricRows* all) {
    const MetricRows rows = *all;
    const LabelColumns labels = LabelsOf(*rows.metric);
    cache.Prepare();
    auto* const entries = static_cast<Series**>(
        MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Series*) * rows.count));
    auto* missing = static_cast<Missing*>(
        MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Missing) * rows.count));
    int missing_count = 0;
    for (uint32 i = 0; i < rows.count; ++i) {
        const MetricRow& row = rows.list[i];
        if (i > 0 && NamesTheSame(row, rows.list[i - 1], labels)) {
            entries[i] = entries[i - 1];
            continue;
        }
        SeriesKey key = {};
        key.server_id = row.server_id();
        key.database_id = row.database_id();
        key.metric = static_cast<int64>(rows.metric->id);
        key.labels = EmptyHash();
        for (int c = 0; c < labels.count; ++c) {
            AddToHash(TextOf(*row.block, row.row, labels.list[c]), &key.labels);
        }
        bool found = false;
        entries[i] = cache.Enter(key, &found);
        if (!found) missing[missing_count++] = {entries[i], &row, {}};
    }
    if (missing_count > 0) AddMissing(*rows.metric, labels, missing, missing_count);
    all->count = 0;
    for (uint32 i = 0; i < rows.count; ++i) {
        MetricRow* const row = &rows.list[i];
        row->series_id = entries[i]->series_id;
        if (row->series_id == 0) {
            ++row->job->tallies[row->account].over_quota;
        } else {
            rows.list[all->count++] = *row;
        }
    }
    for (int i = 0; i < missing_count; ++i) {
        if (missing[i].series->series_id == 0) cache.Remove(missing[i].series->key);
    }
    pfree(missing);
    pfree(entries);
}

void CommitMetricSeries() { cache.Commit(); }
void ForgetTouchedMetricSeries() { cache.Abort(); }
void ForgetMetricSeries() { cache.Forget(); }

}  // namespace pganalytics::pg
