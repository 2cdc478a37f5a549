// Compares each snapshot with the one before it.
#include "collector/tracker.hpp"

#include <algorithm>
#include <bit>

namespace pganalytics::collector {
namespace {

// IsCumulative: min, max and stddev may fall while a statement goes on; sums never do.
bool IsCumulative(const protocol::Column& column) {
    return !column.name.starts_with("min_") && !column.name.starts_with("max_") &&
           !column.name.starts_with("mean_") && !column.name.starts_with("stddev_");
}

bool IsLess(protocol::ColumnType type, uint64_t a, uint64_t b) {
    if (type == protocol::ColumnType::kFloat8) {
        return std::bit_cast<double>(a) < std::bit_cast<double>(b);
    }
    return static_cast<int64_t>(a) < static_cast<int64_t>(b);
}

// WentBack is true when a sum is smaller than it was: the statement was reset or evicted between.
bool WentBack(const uint64_t* now, const uint64_t* before) {
    const auto columns = protocol::FindMetric(protocol::MetricId::kQueryStats)->columns;
    for (size_t i = 0; i < Snapshot::Stride(); ++i) {
        const protocol::Column& column = columns[i + protocol::kFirstCounter];
        if (IsCumulative(column) && IsLess(column.type, now[i], before[i])) return true;
    }
    return false;
}

}  // namespace

bool Tracker::WantsText(const Entry& entry, bool full) const {
    if (entry.text_at != 0 && entry.text_at <= acknowledged_) return false;
    return full || entry.text_failures < kTextTries;
}

// Compare brings a known statement up to date. REQUIRES: newest_ is still the snapshot before.
void Tracker::Compare(const Snapshot& snapshot, uint32_t statement, Entry* entry) const {
    const uint64_t* now = snapshot.CountersOf(statement);
    const uint64_t* before = newest_.CountersOf(entry->statement);
    const Statement& new_names = snapshot.statements[statement];
    const Statement& old_names = newest_.statements[entry->statement];
    if (!std::equal(now, now + Snapshot::Stride(), before)) {
        entry->changed_at = number_;
        if (WentBack(now, before)) {
            entry->began_at = number_;
            entry->began_after = newest_.sampled_at;
        }
    }
    if (snapshot.names[new_names.user] != newest_.names[old_names.user] ||
        snapshot.names[new_names.database] != newest_.names[old_names.database]) {
        // A renamed role or database makes another series at the other side: with its text, and
        // with counters that are history.
        entry->changed_at = number_;
        entry->text_at = 0;
        entry->text_failures = 0;
        entry->began_at = 0;
    }
}

Plan Tracker::Observe(Snapshot snapshot, const Acknowledged& acknowledged, SteadyTime now) {
    acknowledged_ = std::max(acknowledged_, acknowledged.snapshot);
    const bool first = number_ == 0;
    ++number_;
    Plan plan;
    plan.snapshot = number_;
    plan.full = acknowledged_ == 0 || acknowledged.full_lost || !last_full_ ||
                now - *last_full_ >= kFullEvery;
    if (plan.full) last_full_ = now;
    plan.unchanged.resize(snapshot.names.size(), 0);

    for (uint32_t i = 0; i < snapshot.statements.size(); ++i) {
        const auto [at, is_new] = entries_.try_emplace(snapshot.statements[i].key);
        Entry& entry = at->second;
        if (is_new) {
            entry.changed_at = number_;
            if (!first) {
                entry.began_at = number_;
                entry.began_after = newest_.sampled_at;
            }
        } else {
            Compare(snapshot, i, &entry);
        }
        entry.statement = i;
        entry.seen_at = number_;

        PlannedRow row;
        row.statement = i;
        row.changed = plan.full || entry.changed_at > acknowledged_;
        row.wants_text = WantsText(entry, plan.full);
        if (entry.began_at > acknowledged_) row.stats_since = entry.began_after;
        if (row.changed || row.wants_text) {
            plan.rows.push_back(row);
        } else {
            ++plan.unchanged[snapshot.statements[i].database];
        }
    }
    std::erase_if(entries_, [this](const auto& entry) { return entry.second.seen_at != number_; });
    newest_ = std::move(snapshot);
    std::stable_sort(plan.rows.begin(), plan.rows.end(),
                     [this](const PlannedRow& a, const PlannedRow& b) {
                         return newest_.statements[a.statement].database <
                                newest_.statements[b.statement].database;
                     });
    return plan;
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
        // From here on not every push carries it: an acknowledgement no longer covers the text.
        entry.text_at = 0;
        if (entry.text_failures < kTextTries) ++entry.text_failures;
        if (!row.changed) ++plan->unchanged[statement.database];
    }
    std::erase_if(plan->rows, [](const PlannedRow& row) { return !row.changed && row.text < 0; });
}

}  // namespace pganalytics::collector
