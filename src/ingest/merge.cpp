#include "ingest/merge.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "protocol/query_limit.hpp"

namespace pganalytics::ingest {
namespace {

using protocol::Column;
using protocol::ColumnRole;
using protocol::ColumnType;
using protocol::Metric;
using protocol::Row;

uint32_t FindColumn(const Metric& metric, std::string_view name) {
    for (uint32_t i = 0; i < metric.columns.size(); ++i) {
        if (metric.columns[i].name == name) return i;
    }
    throw std::logic_error("the catalog lacks a column that merging needs");
}

// SetCounter stores a counter in the form that the tables use: NULL for zero.
void SetCounter(uint64_t* words, uint32_t column, uint64_t word) {
    const uint64_t bit = uint64_t{1} << column;
    words[0] = word == 0 ? words[0] | bit : words[0] & ~bit;
    words[1 + column] = word;
}

void SetFloat(uint64_t* words, uint32_t column, double value) {
    SetCounter(words, column, value == 0 ? 0 : std::bit_cast<uint64_t>(value));
}

}  // namespace

void RowIndex::Grow() {
    std::vector<Slot> old = std::exchange(
        slots_, std::vector<Slot>(std::max<size_t>(1024, slots_.size() * 2), Slot{0, kFree}));
    const size_t mask = slots_.size() - 1;
    for (const Slot& slot : old) {
        if (slot.row == kFree) continue;
        size_t at = slot.hash & mask;
        while (slots_[at].row != kFree) at = (at + 1) & mask;
        slots_[at] = slot;
    }
}

Merger::Merger(const Metric& metric)
    : metric_(&metric),
      calls_(FindColumn(metric, "calls")),
      total_(FindColumn(metric, "total_exec_time")),
      min_(FindColumn(metric, "min_exec_time")),
      max_(FindColumn(metric, "max_exec_time")),
      mean_(FindColumn(metric, "mean_exec_time")),
      stddev_(FindColumn(metric, "stddev_exec_time")) {}

// CombineTimes sets minimum, maximum, mean and deviation of `into`. REQUIRES: `into` still has its
// own calls, not the sum, because the calls are a weight here.
void Merger::CombineTimes(uint64_t* into, Row from) const {
    auto times_of = [this](Row row) {
        return protocol::ExecTimes{static_cast<double>(row.Int8(calls_)), row.Float8(min_),
                                   row.Float8(max_), row.Float8(mean_), row.Float8(stddev_)};
    };
    const protocol::ExecTimes both = protocol::CombineTimes(times_of(Row{into}), times_of(from));
    SetFloat(into, min_, both.min);
    SetFloat(into, max_, both.max);
    SetFloat(into, mean_, both.mean);
    SetFloat(into, stddev_, both.stddev);
}

const Column* Merger::Merge(Row from, uint64_t* words) const {
    CombineTimes(words, from);
    for (uint32_t i = 0; i < metric_->columns.size(); ++i) {
        const Column& column = metric_->columns[i];
        const Row row{words};
        switch (column.role) {
            case ColumnRole::kStatsSince:
                // The merged row has counted since the earlier of the two times. If one row has no
                // time, neither has the merged row.
                if (row.IsNull(i) || from.IsNull(i)) {
                    words[0] |= uint64_t{1} << i;
                    words[1 + i] = 0;
                } else {
                    words[1 + i] = static_cast<uint64_t>(std::min(row.Int8(i), from.Int8(i)));
                }
                break;
            case ColumnRole::kCounter: {
                if (i == min_ || i == max_ || i == mean_ || i == stddev_) break;
                if (column.type == ColumnType::kInt8) {
                    int64_t sum = 0;
                    if (__builtin_add_overflow(row.Int8(i), from.Int8(i), &sum)) return &column;
                    SetCounter(words, i, static_cast<uint64_t>(sum));
                } else {
                    const double sum = row.Float8(i) + from.Float8(i);
                    if (!std::isfinite(sum)) return &column;
                    SetFloat(words, i, sum);
                }
                break;
            }
            case ColumnRole::kTime:
            case ColumnRole::kDatabase:
            case ColumnRole::kIdentity:
            case ColumnRole::kText:
                break;
            case ColumnRole::kValue:
                // If `from` is rebased, its difference to the previous row of the series is no
                // activity. Then the merged row is rebased too.
                if (i == protocol::kRebased && !from.IsNull(i) && from.Word(i) != 0) {
                    words[0] &= ~(uint64_t{1} << i);
                    words[1 + i] = 1;
                }
                break;
        }
    }
    // Near the largest double, the combined mean or deviation may overflow although the sum of the
    // times does not.
    for (const uint32_t i : {mean_, stddev_}) {
        if (!std::isfinite(Row{words}.Float8(i))) return &metric_->columns[i];
    }
    return nullptr;
}

}  // namespace pganalytics::ingest
