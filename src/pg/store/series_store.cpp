// Series store: the SQL statements. A statement that looks up or adds series gets all series of a
// block at once, in arrays.
#include "pg/store/series_store.hpp"

#include "pg/base/guc.hpp"
#include "pg/base/statement.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace pganalytics::pg {
namespace {

// IS_FORGOTTEN makes the SQL expression for: an administrator has removed the text with this hash.
#define IS_FORGOTTEN(hash) \
    "EXISTS (SELECT FROM pganalytics.forgotten_texts f WHERE f.text_hash = " hash ")"

// TEXT_NOTE makes the SQL expression for query_series.text_note, of a series whose text is x.
#define TEXT_NOTE(hash, cut)                                                           \
    "CASE WHEN x.text_id IS NOT NULL THEN CASE WHEN " cut " THEN 'cut' END WHEN " hash \
    " IS NOT NULL AND NOT " IS_FORGOTTEN(hash) " THEN 'left out' END"

// OFFSET 0 forces one index look-up by the whole key for each row. Without it, a plan that was made
// while the table was empty would compare each row of the server with each row of the push (20,000
// queries took 35 s).
Statement load_series = {
    "SELECT i.ordinality, s.series_id, s.has_text, s.last_seen "
    "FROM unnest($2, $3, $4, $5) WITH ORDINALITY "
    "AS i(database_id, username, queryid, toplevel, ordinality) "
    "CROSS JOIN LATERAL (SELECT q.series_id, q.last_seen, "
    "q.text_id IS NOT NULL OR q.text_state IS NOT DISTINCT FROM 'forgotten' AS has_text "
    "FROM pganalytics.query_series q WHERE q.server_id = $1 AND q.database_id = i.database_id "
    "AND q.queryid = i.queryid AND q.username = i.username AND q.toplevel = i.toplevel "
    "OFFSET 0) s",
    5,
    {INT4OID, INT4ARRAYOID, TEXTARRAYOID, INT8ARRAYOID, BOOLARRAYOID},
    nullptr};

Statement find_new_texts = {
    "SELECT d.ordinality FROM (SELECT DISTINCT ON (i.hash) i.ordinality "
    "FROM pg_catalog.unnest($1) WITH ORDINALITY AS i(hash, ordinality) LEFT JOIN LATERAL "
    "(SELECT q.text_id FROM pganalytics.query_texts q WHERE q.text_hash = i.hash OFFSET 0) x "
    "ON true WHERE i.hash IS NOT NULL AND x.text_id IS NULL AND NOT " IS_FORGOTTEN("i.hash") " "
    "ORDER BY i.hash, i.ordinality) d ORDER BY d.ordinality",
    1, {UUIDARRAYOID}, nullptr};

// Insert the texts in the order of their hashes, so that two workers that add the same texts cannot
// deadlock. For the same reason add_series inserts in the order of the key.
Statement add_texts = {
    "INSERT INTO pganalytics.query_texts (text_hash, text) "
    "SELECT i.hash, i.text FROM unnest($1, $2) AS i(hash, text) "
    "WHERE NOT " IS_FORGOTTEN("i.hash") " ORDER BY 1 "
    "ON CONFLICT (text_hash) DO NOTHING",
    2, {UUIDARRAYOID, TEXTARRAYOID}, nullptr};

Statement add_series = {
    "INSERT INTO pganalytics.query_series (server_id, database_id, username, queryid, toplevel, "
    "text_id, text_state, first_seen, last_seen, from_zero, text_note) "
    "SELECT $1, i.database_id, i.username, i.queryid, i.toplevel, x.text_id, "
    "CASE WHEN " IS_FORGOTTEN("i.hash") " THEN 'forgotten' ELSE i.text_state END, "
    "i.seen, i.seen, i.from_zero, " TEXT_NOTE("i.hash", "i.text_cut") " "
    "FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10) "
    "AS i(database_id, username, queryid, toplevel, hash, text_state, seen, from_zero, text_cut) "
    "LEFT JOIN LATERAL (SELECT q.text_id FROM pganalytics.query_texts q "
    "WHERE q.text_hash = i.hash OFFSET 0) x ON true "
    "ORDER BY i.database_id, i.queryid, i.username, i.toplevel "
    "ON CONFLICT (server_id, database_id, queryid, username, toplevel) DO NOTHING",
    10,
    {INT4OID, INT4ARRAYOID, TEXTARRAYOID, INT8ARRAYOID, BOOLARRAYOID, UUIDARRAYOID, TEXTARRAYOID,
     TIMESTAMPTZARRAYOID, BOOLARRAYOID, BOOLARRAYOID},
    nullptr};

// Use one statement for each series: a join with an array could get the bad plan that load_series
// avoids with OFFSET 0.
Statement attach_text = {
    "UPDATE pganalytics.query_series q SET text_id = x.text_id, "
    "text_state = CASE WHEN " IS_FORGOTTEN("$3") " THEN 'forgotten' ELSE $4 END, "
    "text_note = " TEXT_NOTE("$3", "$5") " "
    "FROM (SELECT) one LEFT JOIN pganalytics.query_texts x ON x.text_hash = $3 "
    "WHERE q.server_id = $1 AND q.series_id = $2 AND q.text_id IS NULL "
    "AND q.text_state IS DISTINCT FROM 'forgotten' AND (x.text_id IS NOT NULL OR NOT $6) "
    "RETURNING x.text_id IS NOT NULL OR q.text_state = 'forgotten'",
    6, {INT4OID, INT4OID, UUIDOID, TEXTOID, BOOLOID, BOOLOID}, nullptr};

Statement note_seen = {
    "UPDATE pganalytics.query_series SET last_seen = GREATEST(last_seen, $3), "
    "reset_at = GREATEST(reset_at, $4) WHERE server_id = $1 AND series_id = $2",
    4,
    {INT4OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID},
    nullptr};

Datum Databases(const SeriesChange* changes, int count) {
    return ArrayOf(changes, count, INT4OID, [](const SeriesChange& c, bool*) {
        return Int32GetDatum(c.entry->key.database_id);
    });
}
Datum UserNames(const SeriesChange* changes, int count) {
    return ArrayOf(changes, count, TEXTOID,
                   [](const SeriesChange& c, bool*) { return TextDatum(c.username); });
}
Datum QueryIds(const SeriesChange* changes, int count) {
    return ArrayOf(changes, count, INT8OID, [](const SeriesChange& c, bool*) {
        return Int64GetDatum(c.entry->key.queryid);
    });
}
Datum TopLevels(const SeriesChange* changes, int count) {
    return ArrayOf(changes, count, BOOLOID, [](const SeriesChange& c, bool*) {
        return BoolGetDatum(c.entry->key.toplevel != 0);
    });
}
Datum TextHashes(const SeriesChange* changes, int count) {
    return ArrayOf(changes, count, UUIDOID, [](const SeriesChange& c, bool* is_null) {
        *is_null = c.text.data() == nullptr;
        return *is_null ? Datum{0} : UuidDatum(c.text_hash);
    });
}
// TextState is what query_series.text_state becomes if the text of a row is stored as the setting
// says.
const char* TextState() {
    switch (static_cast<QueryTexts>(settings.query_texts)) {
        case QueryTexts::kMasked:
            return "masked";
        case QueryTexts::kNone:
            return "none";
        case QueryTexts::kAsSent:
            break;
    }
    return "as_sent";
}
Datum TextStates(const SeriesChange* changes, int count) {
    return ArrayOf(changes, count, TEXTOID, [](const SeriesChange& c, bool* is_null) {
        *is_null = !c.brings_text;
        return *is_null ? Datum{0} : TextDatum(TextState());
    });
}
Datum SampledAts(const SeriesChange* changes, int count) {
    return ArrayOf(changes, count, TIMESTAMPTZOID,
                   [](const SeriesChange& c, bool*) { return TimestampTzGetDatum(c.sampled_at); });
}
}  // namespace

void LoadSeries(int32 server_id, const SeriesChange* changes, int count) {
    Datum values[] = {Int32GetDatum(server_id), Databases(changes, count),
                      UserNames(changes, count), QueryIds(changes, count),
                      TopLevels(changes, count)};
    Execute(&load_series, values);
    for (uint64 row = 0; row < SPI_processed; ++row) {
        SeriesEntry* const entry = changes[Int8Of(row, 1) - 1].entry;
        bool is_null = false;
        entry->series_id = Int4Of(row, 2);
        entry->has_text = DatumGetBool(CellOf(row, 3, &is_null));
        entry->last_seen = DatumGetTimestampTz(CellOf(row, 4, &is_null));
    }
}

int FindNewTexts(const SeriesChange* changes, int count, SeriesChange* out) {
    Datum values[] = {TextHashes(changes, count)};
    Execute(&find_new_texts, values);
    const int found = static_cast<int>(SPI_processed);
    for (int i = 0; i < found; ++i) out[i] = changes[Int8Of(static_cast<uint64>(i), 1) - 1];
    return found;
}

void AddTexts(const SeriesChange* changes, int count) {
    Datum values[] = {TextHashes(changes, count),
                      ArrayOf(changes, count, TEXTOID,
                              [](const SeriesChange& c, bool*) { return TextDatum(c.text); })};
    Execute(&add_texts, values);
}

void AddSeries(int32 server_id, const SeriesChange* changes, int count) {
    Datum values[] = {
        Int32GetDatum(server_id),
        Databases(changes, count),
        UserNames(changes, count),
        QueryIds(changes, count),
        TopLevels(changes, count),
        TextHashes(changes, count),
        TextStates(changes, count),
        SampledAts(changes, count),
        ArrayOf(changes, count, BOOLOID,
                [](const SeriesChange& c, bool*) { return BoolGetDatum(c.from_zero); }),
        ArrayOf(changes, count, BOOLOID,
                [](const SeriesChange& c, bool*) { return BoolGetDatum(c.text_cut); })};
    Execute(&add_series, values);
}

void AttachTexts(int32 server_id, const SeriesChange* changes, int count) {
    for (int i = 0; i < count; ++i) {
        SeriesEntry* const entry = changes[i].entry;
        Datum values[] = {Int32GetDatum(server_id),          Int32GetDatum(entry->series_id),
                          UuidDatum(changes[i].text_hash),   TextDatum(TextState()),
                          BoolGetDatum(changes[i].text_cut), BoolGetDatum(entry->left_out)};
        Execute(&attach_text, values);
        // No row: another worker has given it its text, or the row says already that it has none.
        entry->has_text = SPI_processed > 0 ? BoolOf(0, 1) : !entry->left_out;
        entry->left_out = !entry->has_text;
    }
}

void NoteSeen(int32 server_id, const SeriesChange* changes, int count) {
    for (int i = 0; i < count; ++i) {
        const SeriesChange& change = changes[i];
        Datum values[] = {Int32GetDatum(server_id), Int32GetDatum(change.entry->series_id),
                          TimestampTzGetDatum(change.sampled_at),
                          TimestampTzGetDatum(change.reset_at)};
        bool nulls[] = {false, false, false, change.reset_at == 0};
        Execute(&note_seen, values, nulls);
    }
}

}  // namespace pganalytics::pg
