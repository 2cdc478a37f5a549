#include "protocol/query_limit.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace pganalytics::protocol {
namespace {

// Top returns the positions of the `count` highest rows, highest first. ChooseQueries needs no more
// rows: as long as it has chosen fewer than `count`, one of these is not chosen yet.
template <typename Key>
std::vector<uint32_t> Top(std::span<const QueryWeight> rows, size_t count, Key key) {
    std::vector<uint32_t> order(rows.size());
    std::iota(order.begin(), order.end(), 0u);
    auto higher = [&](uint32_t a, uint32_t b) {
        const auto key_a = key(rows[a]);
        const auto key_b = key(rows[b]);
        return key_a != key_b ? key_a > key_b : a < b;
    };
    const auto end = order.begin() + static_cast<ptrdiff_t>(count);
    std::nth_element(order.begin(), end, order.end(), higher);
    std::sort(order.begin(), end, higher);
    order.resize(count);
    return order;
}

}  // namespace

std::vector<bool> ChooseQueries(std::span<const QueryWeight> rows, size_t limit) {
    if (limit >= rows.size()) return std::vector<bool>(rows.size(), true);
    std::vector<bool> kept(rows.size(), false);
    const auto by_time = Top(rows, limit, [](const QueryWeight& row) { return row.total_time; });
    const auto by_calls = Top(rows, limit, [](const QueryWeight& row) { return row.calls; });
    auto time = by_time.begin();
    auto calls = by_calls.begin();
    for (size_t count = 0; count < limit; ++count) {
        auto& next = count % 2 == 0 ? time : calls;
        while (kept[*next]) ++next;
        kept[*next] = true;
    }
    return kept;
}

ExecTimes CombineTimes(const ExecTimes& a, const ExecTimes& b) {
    if (b.calls == 0) return a;
    if (a.calls == 0) return b;
    ExecTimes both;
    both.calls = a.calls + b.calls;
    both.min = std::min(a.min, b.min);
    both.max = std::max(a.max, b.max);
    both.mean = (a.mean * a.calls + b.mean * b.calls) / both.calls;
    // Differences from the common mean keep the digits that sums of squares would lose.
    auto part = [&both](const ExecTimes& side) {
        const double off = side.mean - both.mean;
        return side.calls * (side.stddev * side.stddev + off * off);
    };
    both.stddev = std::sqrt((part(a) + part(b)) / both.calls);
    return both;
}

}  // namespace pganalytics::protocol
