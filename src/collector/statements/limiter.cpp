// Chooses which queries are kept, sums up the others, and says which rows need a new base.
#include "collector/statements/limiter.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <tuple>
#include <utility>

#include "collector/statements/counters.hpp"
#include "protocol/query_limit.hpp"

namespace pganalytics::collector {
namespace {

// kNoUser stands for the user "" of `other` rows until NameOthers adds "" to the snapshot's names.
constexpr uint32_t kNoUser = UINT32_MAX;

size_t CounterAt(std::string_view name) {
    const auto columns = protocol::FindMetric(protocol::MetricId::kQueryStats)->columns;
    const auto counters = columns.subspan(protocol::kFirstCounter);
    return static_cast<size_t>(
        std::find_if(counters.begin(), counters.end(),
                     [&](const protocol::Column& column) { return column.name == name; }) -
        counters.begin());
}

protocol::QueryWeight WeightOf(const uint64_t* counters) {
    static const size_t calls = CounterAt("calls");
    static const size_t total = CounterAt("total_exec_time");
    const auto time = std::bit_cast<double>(counters[total]);
    return {std::isnan(time) ? 0 : time, static_cast<int64_t>(counters[calls])};
}

// Fill keeps the best candidates, at most `places`. Returns how many places are left.
template <typename IsCandidate>
size_t Fill(const std::vector<protocol::QueryWeight>& weights, size_t places,
            IsCandidate is_candidate, std::vector<bool>* kept) {
    std::vector<protocol::QueryWeight> candidates;
    std::vector<size_t> rows;
    for (size_t i = 0; i < weights.size(); ++i) {
        if ((*kept)[i] || !is_candidate(i)) continue;
        candidates.push_back(weights[i]);
        rows.push_back(i);
    }
    const std::vector<bool> chosen = protocol::ChooseQueries(candidates, places);
    for (size_t i = 0; i < rows.size(); ++i) {
        if (chosen[i]) (*kept)[rows[i]] = true;
    }
    return places - std::min(places, rows.size());
}

void Append(const Statement& statement, const uint64_t* counters,
            std::vector<Statement>* statements, std::vector<uint64_t>* all) {
    statements->push_back(statement);
    all->insert(all->end(), counters, counters + Snapshot::Stride());
}

void NameOthers(Limited* limited) {
    const auto no_user = static_cast<uint32_t>(limited->rows.names.size());
    bool found = false;
    for (auto* const statements : {&limited->rows.statements, &limited->rebased}) {
        for (Statement& statement : *statements) {
            if (statement.user != kNoUser) continue;
            statement.user = no_user;
            found = true;
        }
    }
    if (!found) return;
    limited->rows.names.emplace_back();
    limited->merged.push_back(0);
}

}  // namespace

// Choose says for each row of one database whether its query is kept from now on.
std::vector<bool> Limiter::Choose(const Snapshot& snapshot,
                                  const std::vector<uint32_t>& rows) const {
    if (rows.size() <= limit_) return std::vector<bool>(rows.size(), true);
    std::vector<protocol::QueryWeight> weights;
    weights.reserve(rows.size());
    for (const uint32_t row : rows) weights.push_back(WeightOf(snapshot.CountersOf(row)));
    const size_t sure = limit_ - (limit_ + 9) / 10;
    std::vector<bool> kept = protocol::ChooseQueries(weights, sure);
    const std::vector<bool> near = protocol::ChooseQueries(weights, limit_ + limit_ / 4 + 1);
    size_t places = Fill(
        weights, limit_ - sure,
        [&](size_t i) {
            const auto member = members_.find(snapshot.statements[rows[i]].key);
            return near[i] && member != members_.end() && member->second.kept;
        },
        &kept);
    if (places > 0) {
        Fill(
            weights, places, [](size_t) { return true; }, &kept);
    }
    return kept;
}

void Limiter::ObserveDatabase(const Snapshot& snapshot, const std::vector<uint32_t>& rows,
                              Members* members, Limited* limited) {
    const std::vector<bool> kept = Choose(snapshot, rows);
    const Statement& any = snapshot.statements[rows.front()];
    const Statement other_row = {OtherKey(any.key.dbid), kNoUser, any.database};
    const auto other = others_.find(any.key.dbid);
    const bool all_began = WasReset(snapshot, newest_);

    size_t places = limit_;
    std::vector<const Member*> was(rows.size(), nullptr);
    for (size_t i = 0; i < rows.size(); ++i) {
        const auto member = members_.find(snapshot.statements[rows[i]].key);
        if (member == members_.end()) continue;
        was[i] = &member->second;
        if (was[i]->kept) --places;
    }

    // `then` is the sum of the queries that the previous grouping has in `other`; `next` is the sum
    // of the queries that are in `other` from now on.
    CounterSum then;
    CounterSum next;
    // `continued` starts with the sum of `other` in the previous snapshot. The loop adds what the
    // members of `other` have counted since.
    CounterSum continued(other == others_.end() ? CounterSum().counters() : other->second.counters);
    size_t then_members = 0;
    size_t next_members = 0;
    size_t still_there = 0;
    bool moved = false;
    bool began = false;
    for (size_t i = 0; i < rows.size(); ++i) {
        const Statement& statement = snapshot.statements[rows[i]];
        const uint64_t* counters = snapshot.CountersOf(rows[i]);
        bool shown = was[i] != nullptr ? was[i]->kept : kept[i];
        if (was[i] == nullptr && shown) {
            shown = places > 0;
            if (shown) --places;
        }
        if (shown) {
            Append(statement, counters, &limited->rows.statements, &limited->rows.counters);
        } else {
            ++then_members;
            then.Add(counters);
            const uint64_t* before =
                was[i] == nullptr ? nullptr : newest_.CountersOf(was[i]->statement);
            if (before != nullptr) {
                ++still_there;
                if (all_began || HaveFallen(counters, before)) {
                    began = true;
                    before = nullptr;
                }
            }
            if (before == nullptr) {
                continued.Add(counters);
            } else {
                continued.AddDifference(counters, before);
            }
            if (kept[i]) Append(statement, counters, &limited->rebased, &limited->rebased_counters);
        }
        if (!kept[i]) {
            ++next_members;
            next.Add(counters);
        }
        moved |= shown != kept[i];
        members->insert({statement.key, {rows[i], kept[i]}});
    }

    const bool lost = other != others_.end() && still_there < other->second.members;
    if (then_members > 0) {
        const CounterSum& sum = lost || began ? continued : then;
        Append(other_row, sum.counters().data(), &limited->rows.statements,
               &limited->rows.counters);
        limited->merged[any.database] = then_members - 1;
    }
    if (then_members == 0 && next_members == 0 && other == others_.end()) return;
    // The sum is sent as a base even if `other` has no members any more and the sum is zero.
    // Otherwise the reader would subtract the old sum when `other` has members again.
    if (moved || lost || began) {
        Append(other_row, next.counters().data(), &limited->rebased, &limited->rebased_counters);
    }
    if (next_members == 0) {
        others_.erase(any.key.dbid);
    } else {
        others_[any.key.dbid] = {next_members, next.counters()};
    }
}

Limited Limiter::Observe(Snapshot snapshot) {
    // Sort rows by key, so that CounterSum adds them in the same order each time.
    std::map<uint32_t, std::vector<uint32_t>> databases;
    for (uint32_t i = 0; i < snapshot.statements.size(); ++i) {
        databases[snapshot.statements[i].key.dbid].push_back(i);
    }
    const auto order = [&snapshot](uint32_t row) {
        const StatementKey& key = snapshot.statements[row].key;
        return std::tuple(key.queryid, key.userid, key.toplevel);
    };
    for (auto& [dbid, rows] : databases) {
        std::sort(rows.begin(), rows.end(),
                  [&](uint32_t a, uint32_t b) { return order(a) < order(b); });
    }

    Limited limited;
    limited.rows = snapshot.WithoutStatements();
    limited.merged.resize(snapshot.names.size(), 0);
    Members members;
    std::erase_if(others_, [&](const auto& other) { return !databases.contains(other.first); });
    for (const auto& [dbid, rows] : databases) {
        ObserveDatabase(snapshot, rows, &members, &limited);
        if (first_ && rows.size() > limit_ && first_rows_ == FirstRows::kBases) {
            limited.start_bases.push_back(dbid);
        }
    }
    NameOthers(&limited);
    first_ = false;
    newest_ = std::move(snapshot);
    members_ = std::move(members);
    return limited;
}

}  // namespace pganalytics::collector
