// Series: keeps the cache, and finds out what a block of rows changes in it.
#include "pg/store/series.hpp"

#include "core/utf8.hpp"
#include "pg/base/cache.hpp"
#include "pg/base/guc.hpp"
#include "pg/store/metrics/quotas.hpp"
#include "pg/store/metrics/stored_text.hpp"
#include "pg/store/series_store.hpp"
#include "pg/store/servers.hpp"
#include "protocol/accounts.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "utils/hsearch.h"
}

namespace pganalytics::pg {
namespace {

// This many entries take about 100 MB. A full cache is emptied.
constexpr int64 kMaxEntries = 1000000;
constexpr long kMaxUsers = 100000;

struct UserEntry {
    char name[NAMEDATALEN];
    int32 number;
};

Cache<SeriesKey, SeriesEntry> series("pganalytics series", kMaxEntries);
HTAB* users = nullptr;  // the user_number of each name; emptied together with `series`
MemoryContext users_context = nullptr;

void ForgetUsers() {
    users = nullptr;
    if (users_context != nullptr) MemoryContextDelete(users_context);
    users_context = nullptr;
}

void PrepareCaches() {
    // The names of series beyond the quota stay here, although their series do not.
    if (users != nullptr && hash_get_num_entries(users) > kMaxUsers) ForgetSeries();
    if (series.Prepare()) ForgetUsers();
    if (users != nullptr) return;
    users_context =
        AllocSetContextCreate(TopMemoryContext, "pganalytics users", ALLOCSET_SMALL_SIZES);
    HASHCTL control = {};
    control.keysize = NAMEDATALEN;
    control.entrysize = sizeof(UserEntry);
    control.hcxt = users_context;
    users = hash_create("pganalytics users", 64, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

int32 UserNumber(std::string_view name) {
    CheckName(name, "name of the user");
    char key[NAMEDATALEN] = {};
    memcpy(key, name.data(), name.size());
    bool found = false;
    auto* const entry = static_cast<UserEntry*>(hash_search(users, key, HASH_ENTER, &found));
    if (!found) entry->number = static_cast<int32>(hash_get_num_entries(users));
    return entry->number;
}

// NameCache remembers the name that was looked up last, so that not every row hashes its name.
// Within a block, equal words stand for equal texts, so it is enough to compare words.
struct NameCache {
    uint64_t word;
    bool valid;
    int32 number;
};

struct Changes {
    SeriesChange* list;
    int count;
};
Changes NewChanges(uint32_t rows) {
    return {static_cast<SeriesChange*>(
                MemoryContextAllocHuge(CurrentMemoryContext, sizeof(SeriesChange) * Max(rows, 1u))),
            0};
}

// CheckedText returns a text as it is stored: without what is beyond quota_query_text.
std::string_view CheckedText(std::string_view text) {
    text = core::CutUtf8(text, static_cast<size_t>(settings.quota_query_text_kb) * 1024);
    if (!pg_verify_mbstr(PG_UTF8, text.data(), static_cast<int>(text.size()), true)) {
        ereport(ERROR, errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
                errmsg("text of a query is not valid UTF-8"));
    }
    return text;
}

std::string_view CellText(const protocol::RowBlock& block, protocol::Row row, uint32_t column) {
    return row.IsNull(column) ? std::string_view{} : block.Text(row.Word(column));
}

// MaskTexts makes of the texts what is stored of them. It copies and reads each, so it gets only
// the series that need their text now: a push may bring the same text in sixty samples.
void MaskTexts(const PushJob& job, protocol::Content content, Changes changes) {
    for (int i = 0; i < changes.count; ++i) {
        SeriesChange& change = changes.list[i];
        if (!change.brings_text) continue;
        const std::string_view kept = CheckedText(change.text);
        change.text_cut =
            kept.size() < change.text.size() || change.text.size() > job.push.query_text_bytes;
        change.text = StoredText(content, kept);
        if (change.text.data() != nullptr) change.text_hash = HashOfText(change.text);
    }
}

// AddNewTexts stores those texts that query_texts does not have, as far as the quota of the
// collector goes. A series whose text was left out says so.
void AddNewTexts(const PushJob& job, const SeriesChange* changes, int count) {
    SeriesChange* const fresh = NewChanges(static_cast<uint32_t>(count)).list;
    const int fresh_count = FindNewTexts(changes, count, fresh);
    int allowed = 0;
    for (int i = 0; i < fresh_count; ++i) {
        if (AllowText(job, fresh[i].text.size())) fresh[allowed++] = fresh[i];
    }
    if (allowed > 0) AddTexts(fresh, allowed);
}

// AddMissing fills in the entries that were not in the cache: it loads their series from the tables
// or adds them. Series beyond the quota keep the number 0.
void AddMissing(const PushJob& job, protocol::Content content, Changes missing) {
    const int32 server_id = job.server_id;
    LoadSeries(server_id, missing.list, missing.count);
    Changes fresh = NewChanges(static_cast<uint32_t>(missing.count));
    for (int i = 0; i < missing.count; ++i) {
        if (missing.list[i].entry->series_id == 0) fresh.list[fresh.count++] = missing.list[i];
    }
    if (fresh.count > 0) fresh.count = AllowSeries(job, fresh.count);
    if (fresh.count == 0) return;
    MaskTexts(job, content, fresh);
    AddNewTexts(job, fresh.list, fresh.count);
    AddSeries(server_id, fresh.list, fresh.count);
    LoadSeries(server_id, fresh.list, fresh.count);
    for (int i = 0; i < fresh.count; ++i) {
        if (fresh.list[i].entry->series_id == 0) elog(ERROR, "could not find or add a series");
        fresh.list[i].entry->fresh = true;
    }
}

// Follow compares a sample of a series with the previous one, and appends to `seen` what must be
// updated in the table.
void Follow(SeriesEntry* entry, const SeriesChange& row, int64 calls, TimestampTz stats_since,
            bool rebased, Changes* seen) {
    // Old collectors sample twice in a second and send whole seconds. Two samples with the same
    // time may come in any order, so do not compare their counters.
    const bool newer = row.sampled_at > entry->last_sampled;
    const bool fell = entry->last_sampled != 0 && newer && calls < entry->last_calls;
    // A collector repeats stats_since until a push with it is acknowledged. The counters have
    // started again only if stats_since is not before the newest sample that we know.
    const bool reported =
        stats_since != 0 && stats_since >= Max(entry->last_sampled, entry->last_seen);
    // Store a base (rebased) as a reset, so that reports read the series in full. Reports can tell
    // a base from a reset by the samples. Another worker may have stored this base already, but
    // this worker cannot know that, so it stores the base again.
    const bool reset = !entry->fresh && (rebased || fell || reported);
    entry->fresh = false;
    if (newer) {
        entry->last_sampled = row.sampled_at;
        entry->last_calls = calls;
    }
    if (!reset && row.sampled_at < entry->last_seen + USECS_PER_HOUR) return;
    SeriesChange change = row;
    change.reset_at = reset ? row.sampled_at : 0;
    entry->last_seen = Max(entry->last_seen, row.sampled_at);
    series.Touch(entry);
    seen->list[seen->count++] = change;
}

}  // namespace

void ResolveSeries(const PushJob& job, const protocol::RowBlock& block, const SampleWindow& window,
                   int32* out) {
    using namespace protocol;
    const int32 server_id = job.server_id;
    PrepareCaches();
    auto* const entries = static_cast<SeriesEntry**>(
        MemoryContextAllocHuge(CurrentMemoryContext, sizeof(SeriesEntry*) * Max(block.rows, 1u)));
    const protocol::Content content = block.metric->columns[kQueryText].content;
    Changes missing = NewChanges(block.rows);
    Changes textless = NewChanges(block.rows);
    NameCache user = {};
    AccountFinder accounts(block, job.accounts, job.account_count);

    for (uint32_t i = 0; i < block.rows; ++i) {
        const Row row = block.At(i);
        entries[i] = nullptr;
        if (!window.Holds(row.Int8(kSampledAt))) continue;
        const int32 database_id = job.database_ids[accounts.Find(row)];
        if (database_id == kOverQuota) continue;
        const std::string_view username = CellText(block, row, kUserName);
        if (!user.valid || user.word != row.Word(kUserName)) {
            user = {row.Word(kUserName), true, UserNumber(username)};
        }
        SeriesKey key = {};
        key.server_id = server_id;
        key.database_id = database_id;
        key.user_number = user.number;
        key.toplevel = row.IsNull(kTopLevel) || row.Word(kTopLevel) != 0 ? 1 : 0;
        key.queryid = row.Int8(kQueryId);
        bool found = false;
        SeriesEntry* const entry = series.Enter(key, &found);
        entries[i] = entry;
        if (found && (entry->has_text || !StoresTexts())) continue;
        const bool brings_text = !row.IsNull(kQueryText);
        SeriesChange change = {};
        change.entry = entry;
        change.username = username;
        change.text = CellText(block, row, kQueryText);
        change.sampled_at = row.Int8(kSampledAt);
        change.from_zero = !row.IsNull(kStatsSince);
        change.brings_text = brings_text;
        if (!found) missing.list[missing.count++] = change;
        if (brings_text && StoresTexts()) textless.list[textless.count++] = change;
    }

    if (missing.count > 0) AddMissing(job, content, missing);
    // AddMissing has added the texts of new series. Of the other series here, those without
    // has_text still need their text.
    Changes wanting = {textless.list, 0};
    for (int i = 0; i < textless.count; ++i) {
        SeriesEntry* const entry = textless.list[i].entry;
        if (entry->has_text || entry->fresh || entry->series_id == 0) continue;
        entry->has_text = true;  // once for all its samples here; AttachTexts has the last word
        series.Touch(entry);
        wanting.list[wanting.count++] = textless.list[i];
    }
    if (wanting.count > 0) {
        MaskTexts(job, content, wanting);
        AddNewTexts(job, wanting.list, wanting.count);
        AttachTexts(server_id, wanting.list, wanting.count);
    }

    Changes seen = NewChanges(block.rows);
    for (uint32_t i = 0; i < block.rows; ++i) {
        const Row row = block.At(i);
        out[i] = 0;
        if (entries[i] == nullptr || entries[i]->series_id == 0) continue;
        SeriesChange change = {};
        change.entry = entries[i];
        change.sampled_at = row.Int8(kSampledAt);
        out[i] = entries[i]->series_id;
        Follow(entries[i], change, row.Int8(kFirstCounter), row.Int8(kStatsSince),
               row.Word(kRebased) != 0, &seen);
    }
    if (seen.count > 0) NoteSeen(server_id, seen.list, seen.count);
    for (int i = 0; i < missing.count; ++i) {
        const SeriesEntry* const entry = missing.list[i].entry;
        if (entry->series_id == 0) series.Remove(entry->key);
    }
}

void CommitSeries() { series.Commit(); }
void ForgetTouchedSeries() { series.Abort(); }
void ForgetSeries() {
    series.Forget();
    ForgetUsers();
}

}  // namespace pganalytics::pg
