// Keep changes: compares each sample of a series with what is stored of that series.
#include <algorithm>
#include <tuple>

#include "pg/store/metrics/bulk.hpp"
#include "pg/store/metrics/change_states.hpp"
#include "pg/store/metrics/keep.hpp"
#include "pg/store/metrics/metric_table.hpp"

extern "C" {
#include "common/hashfn.h"
}

namespace pganalytics::pg {
namespace {

// KeyedRow is a row of a sample with its sort key and the hash of its values.
struct KeyedRow {
    int32 server_id;
    int32 database_id;
    int32 series_id;
    TimestampTz at;
    uint64 hash;
    MetricRow* row;

    // `row` comes last in the key, so that of equal rows the first to arrive is stored.
    auto Place() const { return std::tie(server_id, database_id, series_id, at, hash, row); }
};

// SampleTimes lists the distinct times of the samples of one database in a group, in ascending
// order.
struct SampleTimes {
    TimestampTz* list;
    uint32 count;
    TimestampTz newest() const { return list[count - 1]; }
};

uint64 HashCells(const MetricRow& row) {
    const MetricTable& table = *TableOf(*row.block->metric);
    uint64 nulls = 0;
    for (int i = 0; i < table.cells; ++i) {
        nulls |= row.row.IsNull(table.source[i]) ? uint64{1} << i : 0;
    }
    uint64 hash = ~nulls;
    for (int i = 0; i < table.cells; ++i) {
        const uint32_t column = table.source[i];
        if (row.row.IsNull(column)) continue;
        const uint64_t word = row.row.Word(column);
        const bool is_text = IsText(row.block->metric->columns[column].type);
        const std::string_view bytes =
            is_text ? row.block->Text(word)
                    : std::string_view(reinterpret_cast<const char*>(&word), sizeof(word));
        hash = hash_bytes_extended(reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()), hash);
    }
    return hash;
}

// Compare decides whether the rows of one series at one time are stored, and updates the state of
// the series.
void Compare(KeyedRow* begin, const KeyedRow* end, ChangeState* state) {
    const TimestampTz at = begin->at;
    uint64 sum = 0;
    for (KeyedRow* keyed = begin; keyed < end; ++keyed) {
        keyed->row->kept = keyed == begin || keyed->hash != keyed[-1].hash;
        if (keyed->row->kept) sum += keyed->hash;
    }
    state->named_at = at;  // the caller passes the times in ascending order
    const bool late = at < state->stored_at || (state->is_gone && at <= state->gone_at);
    const bool same = state->is_stored && state->value_hash == sum;
    const bool repeats = !late && same && DayOf(at) == DayOf(state->stored_at);
    if (repeats || (late && same)) {
        for (KeyedRow* keyed = begin; keyed < end; ++keyed) keyed->row->kept = false;
        return;
    }
    if (late) return;
    state->value_hash = sum;
    state->stored_at = at;
    state->is_stored = true;
    state->is_gone = false;
    state->changed = true;
}

SampleTimes TimesOf(const KeyedRow* begin, const KeyedRow* end) {
    const auto count = static_cast<size_t>(end - begin);
    auto* const times = static_cast<TimestampTz*>(
        MemoryContextAllocHuge(CurrentMemoryContext, sizeof(TimestampTz) * count));
    for (size_t i = 0; i < count; ++i) times[i] = begin[i].at;
    std::sort(times, times + count);
    return {times, static_cast<uint32>(std::unique(times, times + count) - times)};
}

// MarkGone marks a series as gone if the newest sample of its database does not name the series. It
// sets gone_at to the time of the first sample that no longer named the series.
void MarkGone(const ChangeStates& states, const SampleTimes& times) {
    // If these samples are older than what is stored (a late retry), they do not name the series
    // that only newer samples have. Do not mark those series as gone.
    for (uint32 i = 0; i < states.count; ++i) {
        const ChangeState& state = states.list[i];
        if (state.stored_at > times.newest() || (state.is_gone && state.gone_at > times.newest())) {
            return;
        }
    }
    for (uint32 i = 0; i < states.count; ++i) {
        ChangeState* const state = &states.list[i];
        if (!state->is_stored || state->named_at == times.newest() ||
            state->stored_at == times.newest()) {
            continue;
        }
        const TimestampTz last = Max(state->stored_at, state->named_at);
        state->gone_at = *std::upper_bound(times.list, times.list + times.count, last);
        state->is_gone = true;
        state->is_stored = false;
        state->changed = true;
    }
}

// CompareServer decides which rows of one server are stored.
void CompareServer(const protocol::Metric& metric, KeyedRow* begin, KeyedRow* end) {
    auto* const databases = static_cast<int32*>(MemoryContextAllocHuge(
        CurrentMemoryContext, sizeof(int32) * static_cast<size_t>(end - begin)));
    int count = 0;
    for (const KeyedRow* keyed = begin; keyed < end; ++keyed) {
        if (keyed == begin || keyed->database_id != keyed[-1].database_id) {
            databases[count++] = keyed->database_id;
        }
    }
    const ChangeStates states = LoadChangeStates(begin->server_id, metric, databases, count);
    for (KeyedRow* database = begin; database < end;) {
        const ChangeStates of_database = StatesOfDatabase(states, database->database_id);
        KeyedRow* keyed = database;
        while (keyed < end && keyed->database_id == database->database_id) {
            KeyedRow* next = keyed;
            while (next < end && next->series_id == keyed->series_id && next->at == keyed->at) {
                ++next;
            }
            Compare(keyed, next, FindChangeState(of_database, keyed->series_id));
            keyed = next;
        }
        MarkGone(of_database, TimesOf(database, keyed));
        database = keyed;
    }
    SaveChangeStates(begin->server_id, states);
}

}  // namespace

void KeepChanges(const MetricRows& rows) {
    auto* const keyed = static_cast<KeyedRow*>(
        MemoryContextAllocHuge(CurrentMemoryContext, sizeof(KeyedRow) * rows.count));
    for (uint32 i = 0; i < rows.count; ++i) {
        MetricRow* const row = &rows.list[i];
        keyed[i] = {row->server_id(), row->database_id(), row->series_id,
                    row->at,          HashCells(*row),    row};
    }
    KeyedRow* const end = keyed + rows.count;
    std::sort(keyed, end,
              [](const KeyedRow& a, const KeyedRow& b) { return a.Place() < b.Place(); });
    for (KeyedRow* server = keyed; server < end;) {
        KeyedRow* next = server;
        while (next < end && next->server_id == server->server_id) ++next;
        CompareServer(*rows.metric, server, next);
        server = next;
    }
}

}  // namespace pganalytics::pg
