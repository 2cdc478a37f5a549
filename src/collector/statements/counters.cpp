// Compares, adds and subtracts counters.
#include "collector/statements/counters.hpp"

#include <bit>
#include <cmath>
#include <string_view>

#include "collector/sources/snapshot.hpp"
#include "protocol/query_limit.hpp"

namespace pganalytics::collector {
namespace {

using protocol::ColumnType;

struct Counter {
    bool is_float;
    bool is_sum;
};

// Layout has the positions of the counters that need special treatment.
struct Layout {
    std::vector<Counter> all;
    size_t calls = 0;
    size_t total = 0;
    size_t min = 0;
    size_t max = 0;
    size_t stddev = 0;
};

Layout MakeLayout() {
    Layout layout;
    const auto columns = protocol::FindMetric(protocol::MetricId::kQueryStats)->columns;
    for (size_t i = 0; i < Snapshot::Stride(); ++i) {
        const protocol::Column& column = columns[i + protocol::kFirstCounter];
        const std::string_view name = column.name;
        const bool is_sum = !name.starts_with("min_") && !name.starts_with("max_") &&
                            !name.starts_with("mean_") && !name.starts_with("stddev_");
        layout.all.push_back({column.type == ColumnType::kFloat8, is_sum});
        if (name == "calls") layout.calls = i;
        if (name == "total_exec_time") layout.total = i;
        if (name == "min_exec_time") layout.min = i;
        if (name == "max_exec_time") layout.max = i;
        if (name == "stddev_exec_time") layout.stddev = i;
    }
    return layout;
}

const Layout& TheLayout() {
    static const Layout layout = MakeLayout();
    return layout;
}

double AsDouble(uint64_t word) { return std::bit_cast<double>(word); }
uint64_t AsWord(double value) { return std::bit_cast<uint64_t>(value); }

}  // namespace

bool HaveFallen(const uint64_t* now, const uint64_t* before) {
    const Layout& layout = TheLayout();
    for (size_t i = 0; i < layout.all.size(); ++i) {
        if (!layout.all[i].is_sum) continue;
        const bool fell = layout.all[i].is_float
                              ? AsDouble(now[i]) < AsDouble(before[i])
                              : static_cast<int64_t>(now[i]) < static_cast<int64_t>(before[i]);
        if (fell) return true;
    }
    return false;
}

CounterSum::CounterSum() : counters_(Snapshot::Stride(), 0) {}

CounterSum::CounterSum(const std::vector<uint64_t>& start) : counters_(start) {
    const Layout& layout = TheLayout();
    for (size_t i = 0; i < layout.all.size(); ++i) {
        if (!layout.all[i].is_sum) counters_[i] = 0;
    }
}

void CounterSum::Add(const uint64_t* counters) {
    static const std::vector<uint64_t> zeros(Snapshot::Stride(), 0);
    AddDifference(counters, zeros.data());
}

void CounterSum::AddDifference(const uint64_t* now, const uint64_t* before) {
    const Layout& layout = TheLayout();
    for (size_t i = 0; i < layout.all.size(); ++i) {
        if (!layout.all[i].is_sum) continue;
        if (layout.all[i].is_float) {
            counters_[i] =
                AsWord(AsDouble(counters_[i]) + (AsDouble(now[i]) - AsDouble(before[i])));
        } else {
            counters_[i] += now[i] - before[i];
        }
    }
    AddTimes(now);
}

void CounterSum::AddTimes(const uint64_t* counters) {
    const Layout& layout = TheLayout();
    protocol::ExecTimes row;
    row.calls = static_cast<double>(static_cast<int64_t>(counters[layout.calls]));
    row.min = AsDouble(counters[layout.min]);
    row.max = AsDouble(counters[layout.max]);
    row.mean = row.calls == 0 ? 0 : AsDouble(counters[layout.total]) / row.calls;
    row.stddev = AsDouble(counters[layout.stddev]);
    const protocol::ExecTimes both = protocol::CombineTimes(
        {timed_calls_, AsDouble(counters_[layout.min]), AsDouble(counters_[layout.max]), mean_,
         AsDouble(counters_[layout.stddev])},
        row);
    timed_calls_ = both.calls;
    mean_ = both.mean;
    counters_[layout.min] = AsWord(both.min);
    counters_[layout.max] = AsWord(both.max);
    counters_[layout.stddev] = AsWord(both.stddev);
}

}  // namespace pganalytics::collector
