// Series store: the statements behind the series cache. Only series.cpp uses it.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/types.hpp"
#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// SeriesKey is the key of a SeriesEntry, a cached series. Keys are compared byte by byte, so every
// byte must be set.
struct SeriesKey {
    int32 server_id;
    int32 database_id;
    int32 user_number;  // number of the user's name in this worker
    int32 toplevel;
    int64 queryid;
};
struct SeriesEntry {
    SeriesKey key;
    int32 series_id;  // 0: not resolved yet
    bool has_text;
    bool left_out;             // query_series says that its text was left out
    bool touched;              // changed by the current transaction
    bool fresh;                // added by this transaction; its first sample cannot be a reset
    TimestampTz last_seen;     // as stored in query_series
    TimestampTz last_sampled;  // time of the newest sample this worker saw
    int64 last_calls;          // calls in that sample
};

// SeriesChange is what a row says about a series that is not in the cache, or that must be updated.
struct SeriesChange {
    SeriesEntry* entry;
    std::string_view username;
    std::string_view text;  // as received; for AddTexts, AddSeries and AttachTexts as it is
                            // stored, with data() nullptr if none is
    core::Uuid text_hash;   // of the text as it is stored: query_texts.text_hash
    TimestampTz sampled_at;
    TimestampTz reset_at;  // 0: none
    bool from_zero;
    bool brings_text;  // the row has a text, stored or not
    bool text_cut;     // the text was longer than quota_query_text
};

// LoadSeries fills in series_id, has_text and last_seen of those entries whose series are in
// query_series.
void LoadSeries(int32 server_id, const SeriesChange* changes, int count);
// FindNewTexts copies to `out` one change for each text that is not in query_texts, and returns
// their number. It leaves out texts that an administrator has removed (forgotten_texts). `out` has
// room for `count` changes.
int FindNewTexts(const SeriesChange* changes, int count, SeriesChange* out);
// AddTexts stores texts, except removed ones. REQUIRES: FindNewTexts has chosen them. Call it
// before AddSeries and AttachTexts, which refer to texts by their hashes. A series whose text is
// not stored gets none, and says so: text_state for a removed text, text_note for one beyond the
// quota.
void AddTexts(const SeriesChange* changes, int count);
void AddSeries(int32 server_id, const SeriesChange* changes, int count);
// AttachTexts gives texts to series that were stored without one, and sets has_text of those.
void AttachTexts(int32 server_id, const SeriesChange* changes, int count);
// NoteSeen moves last_seen and reset_at of series forward.
void NoteSeen(int32 server_id, const SeriesChange* changes, int count);

}  // namespace pganalytics::pg
