// Tests limiter and tracker together, from snapshots to what a report counts. Random workloads,
// late answers and lost pushes must give the activity of the statements themselves.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <tuple>

#include "collector/statements/counters.hpp"
#include "collector/statements/tracker.hpp"
#include "snapshots.hpp"

namespace pganalytics::collector {
namespace {

constexpr core::TimestampMicros kSecond = 1000000;

int64_t CallsOf(const uint64_t* counters) {
    return static_cast<int64_t>(counters[CounterIndex("calls")]);
}

// Reader stores rows and counts as the reports do: a row counts the difference to the row before
// it. A base counts nothing. A row counts in full after a fall (but not in `other`), and where the
// source reported that it began again.
class Reader {
  public:
    void Store(const Snapshot& snapshot, const Plan& plan) {
        for (const PlannedRow& row : plan.rows) {
            Series& series = series_[KeyOf(snapshot.statements[row.statement].key)];
            const core::TimestampMicros time =
                row.base ? row.base->sampled_at : snapshot.sampled_at;
            const int64_t calls =
                CallsOf(row.base ? row.base->counters.data() : snapshot.CountersOf(row.statement));
            const bool fresh = series.samples.empty();
            const bool told = row.stats_since && (fresh || *row.stats_since >= series.newest);
            series.newest = fresh ? time : std::max(series.newest, time);
            series.samples.insert({time, calls, row.base != nullptr, told});
        }
    }

    // Activity is the number of calls that the reports give for all series together.
    int64_t Activity() const {
        int64_t total = 0;
        for (const auto& [key, series] : series_) {
            const Sample* before = nullptr;
            for (const Sample& sample : series.samples) {
                const bool is_other = std::get<0>(key) == 0;
                if (sample.rebased) {
                } else if (sample.began) {
                    total += sample.calls;
                } else if (before != nullptr && sample.calls >= before->calls) {
                    total += sample.calls - before->calls;
                } else if (before != nullptr && !is_other) {
                    total += sample.calls;
                }
                before = &sample;
            }
        }
        return total;
    }

    size_t rebased_others() const {
        size_t count = 0;
        for (const auto& [key, series] : series_) {
            for (const Sample& sample : series.samples) {
                if (std::get<0>(key) == 0 && sample.rebased) ++count;
            }
        }
        return count;
    }

  private:
    struct Sample {
        core::TimestampMicros time;
        int64_t calls;
        bool rebased;
        bool began;
        bool operator<(const Sample& b) const {
            return std::tie(time, calls) < std::tie(b.time, b.calls);
        }
    };
    struct Series {
        std::multiset<Sample> samples;
        core::TimestampMicros newest = 0;
    };
    using Key = std::tuple<int64_t, uint32_t>;
    static Key KeyOf(const StatementKey& key) { return {key.queryid, key.dbid}; }
    std::map<Key, Series> series_;
};

// Workload changes statements at random: most rise, some begin again, vanish, appear, or come back.
class Workload {
  public:
    explicit Workload(uint32_t seed) : random_(seed) {}

    Snapshot Next() {
        ++second_;
        const std::map<int64_t, int64_t> before = calls_;
        const bool reset = second_ > 1 && Chance(0.03);
        if (reset) ++resets_;
        for (auto at = calls_.begin(); at != calls_.end();) {
            if (reset) {
                // Some counters have already passed their value of before the reset.
                at->second = Chance(0.2) ? at->second + Upto(5) : Upto(at->second);
                at = Chance(0.5) ? calls_.erase(at) : std::next(at);
            } else if (Chance(0.04)) {
                at = calls_.erase(at);
            } else {
                if (Chance(0.02) && at->second > 1) {
                    at->second = Upto(at->second - 1);
                } else if (Chance(0.4)) {
                    at->second += Upto(Chance(0.1) ? 5000 : 50);
                }
                ++at;
            }
        }
        const int64_t births = Chance(0.05) ? 30 : Upto(4);
        for (int64_t i = 0; i < births; ++i) calls_.try_emplace(1 + Upto(60), Upto(300) + 1);
        if (second_ > 1) Count(before, reset);
        SnapshotBuilder builder(second_ * kSecond);
        for (const auto& [id, calls] : calls_) {
            builder.Add(id, calls, static_cast<double>(calls * (id % 7)),
                        id % 5 == 0 ? "logbook" : "shop");
        }
        Snapshot snapshot = builder.Build();
        snapshot.info.stats_reset = static_cast<int64_t>(resets_);
        return snapshot;
    }

    int64_t activity() const { return activity_; }
    bool Chance(double share) {
        return std::uniform_real_distribution<double>(0, 1)(random_) < share;
    }

  private:
    int64_t Upto(int64_t most) { return std::uniform_int_distribution<int64_t>(0, most)(random_); }

    void Count(const std::map<int64_t, int64_t>& before, bool reset) {
        for (const auto& [id, calls] : calls_) {
            const auto was = before.find(id);
            const int64_t time = calls * (id % 7);
            const bool new_or_again = was == before.end() || reset || calls < was->second ||
                                      time < was->second * (id % 7);
            activity_ += new_or_again ? calls : calls - was->second;
        }
    }

    std::mt19937 random_;
    std::map<int64_t, int64_t> calls_;
    int64_t second_ = 0;
    uint64_t resets_ = 0;
    int64_t activity_ = 0;
};

// Fate is the probability that a push is stored but acknowledged rounds later, and that it is lost.
struct Fate {
    double late;
    double lost;
};

struct Outcome {
    int64_t counted;
    int64_t true_activity;
    size_t rebased_others;
};

Outcome Play(uint32_t seed, size_t limit, Fate fate, int rounds = 60) {
    Workload workload(seed);
    Limiter limiter(limit);
    Tracker tracker;
    Reader reader;
    Acknowledged known{};
    uint64_t stored = 0;
    bool lost_full = false;
    for (int round = 0; round < rounds; ++round) {
        Plan plan = tracker.Observe(limiter.Observe(workload.Next()), known, {});
        const bool is_lost = workload.Chance(fate.lost) && round + 1 < rounds;
        if (is_lost) {
            lost_full |= plan.full;
        } else {
            reader.Store(tracker.snapshot(), plan);
            stored = plan.snapshot;
        }
        known.full_lost = false;
        if (!workload.Chance(fate.late)) {
            known = {stored, lost_full};
            lost_full = false;
        }
    }
    return {reader.Activity(), workload.activity(), reader.rebased_others()};
}

constexpr size_t kLimits[] = {1, 2, 3, 5, 8, 13, 20, 30, 45, 1000};

TEST(Rebase, ActivityIsExactWithAnyLimit) {
    size_t rebased = 0;
    for (const size_t limit : kLimits) {
        for (uint32_t seed = 1; seed <= 50; ++seed) {
            const Outcome outcome = Play(seed, limit, {0, 0});
            ASSERT_EQ(outcome.counted, outcome.true_activity)
                << "limit " << limit << " seed " << seed;
            rebased += outcome.rebased_others;
        }
    }
    EXPECT_GT(rebased, 3000u);
}

TEST(Rebase, ALateAnswerChangesNothing) {
    for (const size_t limit : kLimits) {
        for (uint32_t seed = 1; seed <= 50; ++seed) {
            const Outcome outcome = Play(seed, limit, {0.6, 0});
            ASSERT_EQ(outcome.counted, outcome.true_activity)
                << "limit " << limit << " seed " << seed;
        }
    }
}

TEST(Rebase, ALostPushLosesAndNeverCountsTwice) {
    int64_t counted = 0;
    int64_t activity = 0;
    for (const size_t limit : kLimits) {
        for (uint32_t seed = 1; seed <= 50; ++seed) {
            const Outcome outcome = Play(seed, limit, {0.3, 0.2});
            ASSERT_LE(outcome.counted, outcome.true_activity)
                << "limit " << limit << " seed " << seed;
            counted += outcome.counted;
            activity += outcome.true_activity;
        }
    }
    EXPECT_GT(counted, activity / 2);
}

TEST(Rebase, ABaseGoesInFrontOfTheRowUntilItIsAcknowledged) {
    Limiter limiter(1);
    Tracker tracker;
    const auto at = [&](int64_t second, int64_t one, int64_t two, int64_t three) {
        return limiter.Observe(SnapshotBuilder(second * kSecond)
                                   .Add(1, one, static_cast<double>(one))
                                   .Add(2, two, static_cast<double>(two))
                                   .Add(3, three, static_cast<double>(three))
                                   .Build());
    };
    // Row is a row of `other`: time in microseconds, calls, whether it is a base.
    using Row = std::tuple<core::TimestampMicros, int64_t, bool>;
    const auto others = [&](const Plan& plan) {
        std::vector<Row> rows;
        for (const PlannedRow& row : plan.rows) {
            if (!IsOther(tracker.snapshot().statements[row.statement].key)) continue;
            rows.emplace_back(row.base ? row.base->sampled_at : tracker.snapshot().sampled_at,
                              CallsOf(row.base ? row.base->counters.data()
                                               : tracker.snapshot().CountersOf(row.statement)),
                              row.base != nullptr);
        }
        return rows;
    };
    EXPECT_EQ(others(tracker.Observe(at(1, 100, 10, 1), {0, false}, {})),
              (std::vector<Row>{{kSecond, 11, true}}));
    // The first push was not acknowledged, so its base is sent again unchanged.
    EXPECT_EQ(others(tracker.Observe(at(2, 100, 12, 1), {0, false}, {})),
              (std::vector<Row>{{kSecond, 11, true}, {2 * kSecond, 13, false}}));
    EXPECT_EQ(others(tracker.Observe(at(3, 100, 12, 2), {2, false}, {})),
              (std::vector<Row>{{3 * kSecond, 14, false}}));
    // 1 falls far behind 2 and 3, so 2 takes its place; this push is lost.
    EXPECT_EQ(others(tracker.Observe(at(4, 100, 900, 800), {3, false}, {})),
              (std::vector<Row>{{4 * kSecond, 1700, false}, {4 * kSecond + 1, 900, true}}));
    const Plan next = tracker.Observe(at(5, 105, 900, 800), {3, false}, {});
    EXPECT_EQ(others(next),
              (std::vector<Row>{{4 * kSecond + 1, 900, true}, {5 * kSecond, 905, false}}));
    size_t bases_of_2 = 0;
    for (const PlannedRow& row : next.rows) {
        const bool is_2 = tracker.snapshot().statements[row.statement].key.queryid == 2;
        if (is_2 && row.base) ++bases_of_2;
        EXPECT_FALSE(row.stats_since);
    }
    EXPECT_EQ(bases_of_2, 1u);
    // The push was acknowledged and nothing has changed.
    const Plan quiet = tracker.Observe(at(6, 105, 900, 800), {5, false}, {});
    EXPECT_TRUE(others(quiet).empty());
}

TEST(Rebase, OtherBeginsFromABaseOfZero) {
    // `other` needs a base: stats_since would tell the reader only the last of several beginnings.
    Limiter limiter(1);
    Tracker tracker;
    tracker.Observe(limiter.Observe(SnapshotBuilder(kSecond).Add(1, 9, 9).Build()), {0, false}, {});
    const Plan plan = tracker.Observe(
        limiter.Observe(SnapshotBuilder(2 * kSecond).Add(1, 9, 9).Add(2, 4, 4).Build()), {1, false},
        {});
    std::vector<PlannedRow> others;
    for (const PlannedRow& row : plan.rows) {
        if (IsOther(tracker.snapshot().statements[row.statement].key)) others.push_back(row);
    }
    ASSERT_EQ(others.size(), 2u);
    ASSERT_TRUE(others[0].base);
    EXPECT_EQ(others[0].base->sampled_at, kSecond + 1);
    EXPECT_EQ(CallsOf(others[0].base->counters.data()), 0);
    EXPECT_FALSE(others[1].base);
    EXPECT_FALSE(others[1].stats_since);
    EXPECT_EQ(CallsOf(tracker.snapshot().CountersOf(others[1].statement)), 4);
}

TEST(Rebase, AQueryThatBecomesKeptBringsItsText) {
    Limiter limiter(1);
    Tracker tracker;
    const auto at = [&](int64_t second, int64_t one, int64_t two) {
        return limiter.Observe(SnapshotBuilder(second * kSecond)
                                   .Add(1, one, static_cast<double>(one))
                                   .Add(2, two, static_cast<double>(two))
                                   .Add(3, two - 1, static_cast<double>(two - 1))
                                   .Build());
    };
    Plan plan = tracker.Observe(at(1, 100, 10), {0, false}, {});
    EXPECT_EQ(tracker.WantedTexts(plan), (std::vector<int64_t>{1}));
    tracker.AttachTexts({{tracker.snapshot().statements[0].key, "one"},
                         {tracker.snapshot().statements[1].key, "other?"}},
                        &plan);
    EXPECT_EQ(plan.texts, (std::vector<std::string>{"one"}));
    plan = tracker.Observe(at(2, 100, 900), {1, false}, {});
    EXPECT_EQ(tracker.WantedTexts(plan), (std::vector<int64_t>{2}));
    plan = tracker.Observe(at(3, 100, 900), {2, false}, {});
    EXPECT_EQ(tracker.WantedTexts(plan), (std::vector<int64_t>{2}));
}

}  // namespace
}  // namespace pganalytics::collector
