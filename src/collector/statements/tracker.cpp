// Compares each snapshot with the previous one.
#include "collector/statements/tracker.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "collector/statements/counters.hpp"

namespace pganalytics::collector {

bool Tracker::WantsText(const Entry& entry, const StatementKey& key, bool full) const {
    if (IsOther(key)) return false;
    if (entry.text_at != 0 && entry.text_at <= acknowledged_) return false;
    return full || entry.text_failures < kTextTries;
}

// Begin fills the entry of a row that the previous snapshot did not have.
void Tracker::Begin(const Limited& limited, uint32_t statement, Entry* entry) const {
    const StatementKey& key = limited.rows.statements[statement].key;
    entry->changed_at = number_;
    if (number_ == 1) {
        const auto& starts = limited.start_bases;
        if (std::find(starts.begin(), starts.end(), key.dbid) == starts.end()) return;
        const uint64_t* counters = limited.rows.CountersOf(statement);
        entry->base = std::make_shared<Base>(
            Base{number_, limited.rows.sampled_at, {counters, counters + Snapshot::Stride()}});
    } else if (IsOther(key)) {
        // `other` had no members in the previous snapshot, but may have had some earlier. A base of
        // zeros keeps the reader from subtracting that earlier sum.
        entry->base = std::make_shared<Base>(
            Base{number_, newest_.sampled_at + 1, std::vector<uint64_t>(Snapshot::Stride(), 0)});
    } else {
        entry->began_at = number_;
        entry->began_after = newest_.sampled_at;
    }
}

// Compare updates a known statement. REQUIRES: newest_ is still the previous snapshot.
void Tracker::Compare(const Snapshot& snapshot, uint32_t statement, Entry* entry) const {
    const Statement& new_names = snapshot.statements[statement];
    const Statement& old_names = newest_.statements[entry->statement];
    const bool based = entry->base && entry->base->sampled_at > newest_.sampled_at;
    const uint64_t* now = snapshot.CountersOf(statement);
    const uint64_t* before =
        based ? entry->base->counters.data() : newest_.CountersOf(entry->statement);
    if (!std::equal(now, now + Snapshot::Stride(), before)) entry->changed_at = number_;
    // The sum in an `other` row does not fall: the limiter sends a base instead.
    if (!IsOther(new_names.key) && (WasReset(snapshot, newest_) || HaveFallen(now, before))) {
        entry->changed_at = number_;
        entry->began_at = number_;
        entry->began_after = based ? entry->base->sampled_at : newest_.sampled_at;
    }
    if (snapshot.names[new_names.user] != newest_.names[old_names.user] ||
        snapshot.names[new_names.database] != newest_.names[old_names.database]) {
        // To the server, a row with a renamed role or database belongs to another series. So send
        // its text again, and do not report its counters as begun from zero.
        entry->changed_at = number_;
        entry->text_at = 0;
        entry->text_failures = 0;
        entry->began_at = 0;
        entry->base.reset();
    }
    if (entry->base && entry->base->since <= acknowledged_) entry->base.reset();
}

// Rebase processes a row of Limited::rebased.
void Tracker::Rebase(Limited* limited, size_t rebased) {
    const uint64_t* counters = limited->rebased_counters.data() + rebased * Snapshot::Stride();
    const Statement& statement = limited->rebased[rebased];
    const auto [at, is_new] = entries_.try_emplace(statement.key);
    Entry& entry = at->second;
    if (is_new || entry.seen_at != number_) {
        entry = Entry{};
        entry.statement = static_cast<uint32_t>(limited->rows.statements.size());
        limited->rows.statements.push_back(statement);
        limited->rows.counters.insert(limited->rows.counters.end(), counters,
                                      counters + Snapshot::Stride());
    }
    entry.seen_at = number_;
    entry.changed_at = number_;
    entry.base = std::make_shared<Base>(
        Base{number_, limited->rows.sampled_at + 1, {counters, counters + Snapshot::Stride()}});
}

Plan Tracker::Observe(Limited limited, const Acknowledged& acknowledged, SteadyTime now) {
    acknowledged_ = std::max(acknowledged_, acknowledged.snapshot);
    ++number_;
    Plan plan;
    plan.snapshot = number_;
    plan.full = acknowledged_ == 0 || acknowledged.full_lost || !last_full_ ||
                now - *last_full_ >= kFullEvery;
    if (plan.full) last_full_ = now;
    plan.unchanged.resize(limited.rows.names.size(), 0);
    plan.merged = std::move(limited.merged);

    const size_t own_rows = limited.rows.statements.size();
    // `earlier` keeps each row's base before Rebase replaces it by a new one. If the old base is
    // not acknowledged yet, the push carries both: the old one before the snapshot's row, the new
    // one after it.
    std::vector<std::shared_ptr<const Base>> earlier(own_rows);
    for (uint32_t i = 0; i < own_rows; ++i) {
        const auto [at, is_new] = entries_.try_emplace(limited.rows.statements[i].key);
        Entry& entry = at->second;
        if (is_new) {
            Begin(limited, i, &entry);
        } else {
            Compare(limited.rows, i, &entry);
        }
        entry.statement = i;
        entry.seen_at = number_;
        earlier[i] = entry.base;
    }
    for (size_t i = 0; i < limited.rebased.size(); ++i) Rebase(&limited, i);
    newest_ = std::move(limited.rows);
    PlanRows(own_rows, earlier, &plan);
    std::erase_if(entries_, [this](const auto& entry) { return entry.second.seen_at != number_; });
    return plan;
}

// PlanRows plans the rows of each series: first its base if that is not acknowledged, then the
// snapshot's row, then the new base.
void Tracker::PlanRows(size_t own_rows, const std::vector<std::shared_ptr<const Base>>& earlier,
                       Plan* plan) const {
    for (uint32_t i = 0; i < newest_.statements.size(); ++i) {
        const Statement& statement = newest_.statements[i];
        const Entry& entry = entries_.at(statement.key);
        PlannedRow row;
        row.statement = i;
        row.wants_text = WantsText(entry, statement.key, plan->full);
        const std::shared_ptr<const Base> before = i < own_rows ? earlier[i] : nullptr;
        const bool is_base = before && before->sampled_at == newest_.sampled_at;
        if (before) {
            PlannedRow base = row;
            base.base = before;
            base.wants_text = row.wants_text && is_base;
            plan->rows.push_back(std::move(base));
        }
        if (i < own_rows && !is_base) {
            row.changed = plan->full || entry.changed_at > acknowledged_;
            if (entry.began_at > acknowledged_) row.stats_since = entry.began_after;
            if (row.changed || row.wants_text) {
                plan->rows.push_back(row);
            } else {
                ++plan->unchanged[statement.database];
            }
        }
        if (entry.base && entry.base != before) {
            PlannedRow base;
            base.statement = i;
            base.base = entry.base;
            base.wants_text = row.wants_text && i >= own_rows;
            plan->rows.push_back(std::move(base));
        }
    }
    const auto place = [this](const PlannedRow& row) {
        return std::tuple(newest_.statements[row.statement].database,
                          row.base ? row.base->sampled_at : newest_.sampled_at);
    };
    std::stable_sort(plan->rows.begin(), plan->rows.end(),
                     [&](const PlannedRow& a, const PlannedRow& b) { return place(a) < place(b); });
}

std::vector<int64_t> Tracker::WantedTexts(const Plan& plan) const {
    std::vector<int64_t> ids;
    for (const PlannedRow& row : plan.rows) {
        if (row.wants_text) ids.push_back(newest_.statements[row.statement].key.queryid);
    }
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
}

void Tracker::AttachTexts(const Texts& texts, Plan* plan) {
    for (PlannedRow& row : plan->rows) {
        if (!row.wants_text) continue;
        const Statement& statement = newest_.statements[row.statement];
        Entry& entry = entries_.at(statement.key);
        const auto text = texts.find(statement.key);
        if (text != texts.end()) {
            if (entry.text_at == 0) entry.text_at = plan->snapshot;
            row.text = static_cast<int32_t>(plan->texts.size());
            plan->texts.push_back(text->second);
            continue;
        }
        // This push lacks the text, so an acknowledgement of a later push no longer proves that the
        // server has it.
        entry.text_at = 0;
        if (entry.text_failures < kTextTries) ++entry.text_failures;
        if (!row.changed) ++plan->unchanged[statement.database];
    }
    std::erase_if(plan->rows, [](const PlannedRow& row) { return !row.changed && row.text < 0; });
}

}  // namespace pganalytics::collector
