// Change states: the states in metric_series of those series whose rows are stored only when they
// change. Only keep_changes.cpp uses it.
#pragma once

#include "pg/store/metrics/metric_rows.hpp"

namespace pganalytics::pg {

struct ChangeState {
    int32 database_id;
    int32 series_id;
    bool is_stored;         // value_hash is set; false for a new or a gone series
    bool is_gone;           // gone_at is set
    bool changed;           // changed in memory, not yet in the table
    uint64 value_hash;      // hash of the newest stored rows
    TimestampTz stored_at;  // time of those rows; 0: never
    TimestampTz gone_at;
    TimestampTz named_at;  // time of this group's newest sample that names the series; 0: none
};

struct ChangeStates {
    ChangeState* list;  // sorted by database, then by series
    uint32 count;
};

// LoadChangeStates reads the states of all series of a metric in some databases of a server.
ChangeStates LoadChangeStates(int32 server_id, const protocol::Metric& metric,
                              const int32* databases, int count);

// StatesOfDatabase returns the part of `states` that belongs to one database, as a view.
ChangeStates StatesOfDatabase(const ChangeStates& states, int32 database_id);

// FindChangeState returns the state of one series of a database. ERROR XX000 if the series is not
// there.
ChangeState* FindChangeState(const ChangeStates& of_database, int32 series_id);

// SaveChangeStates updates the table with the states that have changed.
void SaveChangeStates(int32 server_id, const ChangeStates& states);

}  // namespace pganalytics::pg
