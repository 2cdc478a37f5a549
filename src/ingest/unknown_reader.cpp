#include "ingest/unknown_reader.hpp"

#include "ingest/json/value_reader.hpp"

namespace pganalytics::ingest {
namespace {

// UnknownColumn lists the columns of the metric kUnknown in their order.
enum UnknownColumn : uint32_t { kSampledAt, kType, kMetric };
enum UnknownKey : uint32_t { kTypeKey = 1 };

}  // namespace

UnknownReader::UnknownReader(uint64_t seed, Progress* progress)
    : builder_(*protocol::FindMetric(protocol::MetricId::kUnknown)),
      texts_(seed),
      progress_(progress) {}

Fault UnknownReader::Read(std::string_view type, od::value value, od::object object) {
    const protocol::Column& time_column = builder_.metric().columns[kSampledAt];
    uint32_t seen = 0;
    Cell time;
    ValueReader reader;
    std::string_view json;
    auto read_field = [&](std::string_view key, od::value field) -> Fault {
        if (key == "type") {
            if (Fault fault = Once(&seen, kTypeKey)) return std::move(fault).In(key);
        }
        bool fits = true;
        if (key == time_column.json_key && time.is_null) {
            return reader.ReadLoosely(field, time_column, 3, &time, &fits);
        }
        return Skip(field, 3, &progress_->scratch);
    };
    Fault fault =
        RawText(value, &json, [&] { return EachField(object, &progress_->key, read_field); });
    if (fault) return fault;
    Account& account = progress_->accounts.Of("");
    ++account.observed;
    if (json.size() > kMaxUnknownBytes || bytes_ + json.size() > kMaxUnknownBytesPerPush) {
        ++account.too_large;
        progress_->unstored.CountType(type);
        return {};
    }
    if (HoldsNul(json)) return {422, "must not contain NUL (\\u0000)"};
    bytes_ += json.size();
    if (Fault many = progress_->CountRow(builder_.metric())) return many;
    builder_.StartRow();
    builder_.SetWord(kType, texts_.Intern(type, &builder_));
    builder_.SetWord(kMetric, texts_.Intern(json, &builder_));
    if (!time.is_null) {
        builder_.SetWord(kSampledAt, time.word);
    } else {
        progress_->untimed.push_back(
            {&builder_, kSampledAt, builder_.rows() - 1, builder_.rows(), progress_->metric_index});
    }
    return {};
}

}  // namespace pganalytics::ingest
