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

// Said is a row of a sample with its sort key and the hash of its values.
struct Said {
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
void Compare(Said* begin, const Said* end, ChangeState* state) {
    const TimestampTz at = begin->at;
    uint64 sum = 0;
    for (Said* said = begin; said < end; ++said) {
        said->row->kept = said == begin || said->hash != said[-1].hash;
        if (said->row->kept) sum += said->hash;
    }
    state->named_at = at;  // the caller passes the times in ascending order
    const bool late = at < state->stored_at || (state->is_gone && at <= state->gone_at);
    const bool same = state->is_stored && state->value_hash == sum;
    const bool repeats = !late && same && DayOf(at) == DayOf(state->stored_at);
    if (repeats || (late && same)) {
        for (Said* said = begin; said < end; ++said) said->row->kept = false;
        return;
    }
    if (late) return;
    state->value_hash = sum;
    state->stored_at = at;
    state->is_stored = true;
    state->is_gone = false;
    state->changed = true;
}

SampleTimes TimesOf(const Said* begin, const Said* end) {
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
void CompareServer(const protocol::Metric& metric, Said* begin, Said* end) {
    auto* const databases = static_cast<int32*>(MemoryContextAllocHuge(
        CurrentMemoryContext, sizeof(int32) * static_cast<size_t>(end - begin)));
    int count = 0;
    for (const Said* said = begin; said < end; ++said) {
        if (said == begin || said->database_id != said[-1].database_id) {
            databases[count++] = said->database_id;
        }
    }
    const ChangeStates states = LoadChangeStates(begin->server_id, metric, databases, count);
    for (Said* database = begin; database < end;) {
        const ChangeStates of_database = StatesOfDatabase(states, database->database_id);
        Said* said = database;
        while (said < end && said->database_id == database->database_id) {
            Said* next = said;
            while (next < end && next->series_id == said->series_id && next->at == said->at) ++next;
            Compare(said, next, FindChangeState(of_database, said->series_id));
            said = next;
        }
        MarkGone(of_database, TimesOf(database, said));
        database = said;
    }
    SaveChangeStates(begin->server_id, states);
}

}  // namespace

void KeepChanges(const MetricRows& rows) {
    auto* const said =
        static_cast<Said*>(MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Said) * rows.count));
    for (uint32 i = 0; i < rows.count; ++i) {
        MetricRow* const row = &rows.list[i];
        said[i] = {row->server_id(), row->database_id(), row->series_id,
                   row->at,          HashCells(*row),    row};
    }
    Said* const end = said + rows.count;
    std::sort(said, end, [](const Said& a, const Said& b) { return a.Place() < b.Place(); });
    for (Said* server = said; server < end;) {
        Said* next = server;
        while (next < end && next->server_id == server->server_id) ++next;
        CompareServer(*rows.metric, server, next);
        server = next;
    }
}

}  // namespace pganalytics::pg
