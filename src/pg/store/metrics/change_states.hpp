// Change states: what metric_series says of series whose rows are stored when they change. Used by
// keep_changes.cpp alone.
#pragma once

#include "pg/store/metrics/metric_rows.hpp"

namespace pganalytics::pg {

// ChangeState is the state of one series.
struct ChangeState {
    int32 database_id;
    int32 series_id;
    bool is_stored;         // value_hash and stored_at hold; false for one that is new or gone
    bool is_gone;           // gone_at holds
    bool changed;           // here, not yet in the table
    uint64 value_hash;      // of the newest rows
    TimestampTz stored_at;  // time of these; 0: never
    TimestampTz gone_at;
    TimestampTz named_at;  // newest time in this group; 0: none
};

struct ChangeStates {
    ChangeState* list;  // by database, then series
    uint32 count;
};

// LoadChangeStates gives the states of all series of a metric in some databases of a server.
ChangeStates LoadChangeStates(int32 server_id, const protocol::Metric& metric,
                              const int32* databases, int count);

// StatesOfDatabase gives those of one database, in place.
ChangeStates StatesOfDatabase(const ChangeStates& states, int32 database_id);

// FindChangeState gives the state of a series of one database. ERROR XX000 if it is not there.
ChangeState* FindChangeState(const ChangeStates& of_database, int32 series_id);

// SaveChangeStates writes what has changed.
void SaveChangeStates(int32 server_id, const ChangeStates& states);

}  // namespace pganalytics::pg
