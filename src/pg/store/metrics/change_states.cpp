#include "pg/store/metrics/change_states.hpp"

#include <algorithm>
#include <tuple>

#include "pg/base/statement.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace pganalytics::pg {
namespace {

Statement load_states = {
    "SELECT database_id, series_id, value_hash, stored_at, gone_at FROM pganalytics.metric_series "
    "WHERE server_id = $1 AND relation = $2 AND database_id = ANY ($3)",
    3,
    {INT4OID, TEXTOID, INT4ARRAYOID},
    nullptr};

// Use one statement for each series: for a join with an array, a plan that was made while the table
// was empty would compare each series of the server with each element of the array.
Statement save_state = {
    "UPDATE pganalytics.metric_series SET value_hash = $3, stored_at = $4, gone_at = $5 "
    "WHERE server_id = $1 AND series_id = $2",
    5,
    {INT4OID, INT4OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID},
    nullptr};

}  // namespace

ChangeStates LoadChangeStates(int32 server_id, const protocol::Metric& metric,
                              const int32* databases, int count) {
    Datum values[] = {
        Int32GetDatum(server_id), TextDatum(metric.relation),
        ArrayOf(databases, count, INT4OID, [](int32 id, bool*) { return Int32GetDatum(id); })};
    Execute(&load_states, values);
    const auto found = static_cast<uint32>(SPI_processed);
    ChangeStates states = {static_cast<ChangeState*>(MemoryContextAllocHuge(
                               CurrentMemoryContext, sizeof(ChangeState) * Max(found, 1u))),
                           found};
    for (uint32 i = 0; i < found; ++i) {
        ChangeState* const state = &states.list[i];
        bool is_new = false;
        bool never = false;
        bool is_here = false;
        *state = {};
        state->database_id = Int4Of(i, 1);
        state->series_id = Int4Of(i, 2);
        state->value_hash = static_cast<uint64>(DatumGetInt64(CellOf(i, 3, &is_new)));
        state->is_stored = !is_new;
        state->stored_at = DatumGetTimestampTz(CellOf(i, 4, &never));
        state->gone_at = DatumGetTimestampTz(CellOf(i, 5, &is_here));
        state->is_gone = !is_here;
    }
    std::sort(states.list, states.list + found, [](const ChangeState& a, const ChangeState& b) {
        return std::tie(a.database_id, a.series_id) < std::tie(b.database_id, b.series_id);
    });
    return states;
}

ChangeStates StatesOfDatabase(const ChangeStates& states, int32 database_id) {
    ChangeState key = {};
    key.database_id = database_id;
    auto by_database = [](const ChangeState& a, const ChangeState& b) {
        return a.database_id < b.database_id;
    };
    const auto range = std::equal_range(states.list, states.list + states.count, key, by_database);
    return {range.first, static_cast<uint32>(range.second - range.first)};
}

ChangeState* FindChangeState(const ChangeStates& of_database, int32 series_id) {
    ChangeState* const end = of_database.list + of_database.count;
    ChangeState* const state =
        std::lower_bound(of_database.list, end, series_id,
                         [](const ChangeState& s, int32 id) { return s.series_id < id; });
    if (state == end || state->series_id != series_id) {
        elog(ERROR, "could not find series %d", series_id);
    }
    return state;
}

void SaveChangeStates(int32 server_id, const ChangeStates& states) {
    for (uint32 i = 0; i < states.count; ++i) {
        const ChangeState& state = states.list[i];
        if (!state.changed) continue;
        Datum values[] = {Int32GetDatum(server_id), Int32GetDatum(state.series_id),
                          Int64GetDatum(static_cast<int64>(state.value_hash)),
                          TimestampTzGetDatum(state.stored_at), TimestampTzGetDatum(state.gone_at)};
        bool nulls[] = {false, false, !state.is_stored, state.stored_at == 0, !state.is_gone};
        Execute(&save_state, values, nulls);
    }
}

}  // namespace pganalytics::pg
