#include "ingest/decode.hpp"

#include <simdjson.h>

#include <algorithm>
#include <new>
#include <optional>

#include "core/buffer.hpp"
#include "core/text.hpp"
#include "ingest/json.hpp"
#include "ingest/merge.hpp"
#include "ingest/row_reader.hpp"
#include "ingest/unstored.hpp"
#include "protocol/frame.hpp"

namespace pganalytics::ingest {
namespace {

namespace od = simdjson::ondemand;
using core::Error;
using core::Result;
using protocol::Metric;
using protocol::Scope;

static_assert(core::Buffer::kPadding >= simdjson::SIMDJSON_PADDING);

// Above this the parser's memory (four bytes for each of the body) is given back after the push.
constexpr size_t kKeptCapacity = size_t{4} << 20;
constexpr int64_t kMaxCount = INT32_MAX;

// MetricReader decodes all objects of one metric type into one block.
struct MetricReader {
    MetricReader(const Metric& metric, uint64_t seed)
        : rows(metric, seed), merger(metric), keys(seed) {}

    RowReader rows;
    Merger merger;
    RowIndex keys;
};

// Walk is the decoding of one document.
class Walk {
  public:
    Walk(uint64_t seed, DecodedPush* push) : seed_(seed), push_(push) {}

    Fault ReadPush(od::object object);
    Error ToError(const Fault& fault) const;

  private:
    Fault ReadPushField(std::string_view key, od::value value);
    Fault ReadServer(od::value value);
    Fault ReadMetrics(od::value value);
    Fault ReadMetric(od::value value);
    Fault FindType(od::object* object, std::string* type);
    Fault ReadUnknownMetric(od::object object);
    Fault ReadKnownMetric(MetricReader* reader, od::object object);
    Fault ReadMetricField(MetricReader* reader, std::string_view key, od::value value);
    Fault ReadRows(MetricReader* reader, od::value value);
    Fault MergeRow(MetricReader* reader);
    Fault FinishMetric(MetricReader* reader, uint32_t first_row);
    Fault Skip(od::value value, int depth, std::string_view key);
    // Once says whether a key comes for the first time in the object that `seen` belongs to.
    static Fault Once(uint32_t* seen, uint32_t bit, std::string_view key) {
        if ((*seen & bit) != 0) return {422, "is there twice", std::string(key)};
        *seen |= bit;
        return {};
    }
    MetricReader* ReaderOf(const Metric& metric);

    uint64_t seed_;
    DecodedPush* push_;
    std::vector<std::unique_ptr<MetricReader>> readers_;
    Unstored unstored_;
    std::string key_;
    std::string scratch_;
    uint32_t push_seen_ = 0;
    uint64_t rows_read_ = 0;
    std::optional<int64_t> metrics_count_;  // as the sender says
    int64_t metrics_read_ = 0;
    // Where in the document the walk is: -1 outside.
    int64_t metric_index_ = -1;
    int64_t row_index_ = -1;
    std::string_view rows_key_;
    std::string_view parent_;  // "server" inside of it
    // Of the metric being read:
    uint32_t metric_seen_ = 0;
    uint64_t cells_seen_ = 0;
    std::vector<std::pair<uint32_t, uint64_t>> cells_;
};

enum PushKey : uint32_t {
    kCollectorId = 1,
    kHostname = 2,
    kMetrics = 4,
    kMetricsCount = 8,
    kTimestamp = 16,
    kVersion = 32,
    kServer = 64,
};
enum MetricKey : uint32_t { kType = 1, kRows = 2, kUnchanged = 4 };

Error Walk::ToError(const Fault& fault) const {
    std::string path(parent_);
    if (metric_index_ >= 0) path = "metrics[" + std::to_string(metric_index_) + "]";
    if (row_index_ >= 0) {
        path += "." + std::string(rows_key_) + "[" + std::to_string(row_index_) + "]";
    }
    if (!fault.key().empty()) path += (path.empty() ? "" : ".") + fault.key();
    if (path.empty()) path = "$";
    return {path + ": " + fault.reason(), fault.status()};
}

Fault Walk::Skip(od::value value, int depth, std::string_view key) {
    return FaultOf(Validate(value, depth, &scratch_), key);
}

Fault ObjectOf(od::value value, std::string_view key, od::object* object) {
    od::json_type type;
    if (value.type().get(type) != simdjson::SUCCESS) return FaultOf(JsonStatus::kMalformed, key);
    if (type != od::json_type::object) return {422, "must be an object", std::string(key)};
    return FaultOf(value.get_object().get(*object) == simdjson::SUCCESS ? JsonStatus::kOk
                                                                        : JsonStatus::kMalformed,
                   key);
}

Fault ArrayOf(od::value value, std::string_view key, od::array* array) {
    od::json_type type;
    if (value.type().get(type) != simdjson::SUCCESS) return FaultOf(JsonStatus::kMalformed, key);
    if (type != od::json_type::array) return {422, "must be an array", std::string(key)};
    return FaultOf(value.get_array().get(*array) == simdjson::SUCCESS ? JsonStatus::kOk
                                                                      : JsonStatus::kMalformed,
                   key);
}

// AtEnd says whether nothing but white space follows what was read.
bool AtEnd(od::document* document) {
    return document->current_location().error() == simdjson::OUT_OF_BOUNDS;
}

// EachField calls read(key, value) for the fields of an object until one is at fault.
template <typename Read>
Fault EachField(od::object object, std::string* key_scratch, Read&& read) {
    for (auto item : object) {
        od::field field;
        std::string_view key;
        if (std::move(item).get(field) != simdjson::SUCCESS ||
            !Unescape(FindString(field.key().raw()), key_scratch, &key)) {
            return FaultOf(JsonStatus::kMalformed, "");
        }
        if (Fault fault = read(key, field.value())) return fault;
    }
    return {};
}

Fault Walk::ReadPush(od::object object) {
    Fault fault = EachField(object, &key_, [this](std::string_view key, od::value value) {
        return ReadPushField(key, value);
    });
    if (fault) return fault;
    if ((push_seen_ & kCollectorId) == 0) return {422, "is missing", "collector_id"};
    if ((push_seen_ & kMetrics) == 0) return {422, "is missing", "metrics"};
    if (metrics_count_.value_or(metrics_read_) != metrics_read_) {
        return {422, "must be the number of metrics", "metrics_count"};
    }
    push_->unstored = unstored_.ToJson();
    push_->observed = push_->unchanged + push_->merged;
    for (const auto& reader : readers_) {
        if (reader->rows.builder()->rows() == 0) continue;
        push_->observed += reader->rows.builder()->rows();
        push_->blocks.push_back(std::move(*reader->rows.builder()));
    }
    return {};
}

Fault Walk::ReadPushField(std::string_view key, od::value value) {
    std::string_view text;
    if (key == "collector_id") {
        if (Fault fault = Once(&push_seen_, kCollectorId, key)) return fault;
        if (Fault fault = ReadText(value, key, kMaxNameBytes, &scratch_, &text)) return fault;
        const auto id = core::ParseUuid(text);
        if (!id) return {422, "must be a UUID", std::string(key)};
        push_->collector_id = *id;
        return {};
    }
    if (key == "hostname") {
        if (Fault fault = Once(&push_seen_, kHostname, key)) return fault;
        Fault fault = ReadText(value, key, kMaxNameBytes, &scratch_, &text);
        push_->hostname = text;
        return fault;
    }
    if (key == "metrics") {
        if (Fault fault = Once(&push_seen_, kMetrics, key)) return fault;
        return ReadMetrics(value);
    }
    if (key == "metrics_count") {
        if (Fault fault = Once(&push_seen_, kMetricsCount, key)) return fault;
        int64_t count = 0;
        if (Fault fault = ReadInteger(value, key, &count)) return fault;
        metrics_count_ = count;
        return {};
    }
    if (key == "timestamp") {
        if (Fault fault = Once(&push_seen_, kTimestamp, key)) return fault;
        if (Fault fault = ReadText(value, key, kMaxNameBytes, &scratch_, &text)) return fault;
        if (core::ParseTimestamp(text)) return {};
        return {422, "must be a time like 2026-11-22T08:54:22Z", std::string(key)};
    }
    if (key == "version") {
        if (Fault fault = Once(&push_seen_, kVersion, key)) return fault;
        Fault fault = ReadText(value, key, kMaxNameBytes, &scratch_, &text);
        push_->collector_version = text;
        return fault;
    }
    if (key == "server") {
        if (Fault fault = Once(&push_seen_, kServer, key)) return fault;
        return ReadServer(value);
    }
    unstored_.CountField("", key);
    return Skip(value, 1, "");
}

Fault Walk::ReadServer(od::value value) {
    od::object object;
    if (Fault fault = ObjectOf(value, "server", &object)) return fault;
    parent_ = "server";
    uint32_t seen = 0;
    std::string key_scratch;
    Fault fault =
        EachField(object, &key_scratch, [&](std::string_view key, od::value field) -> Fault {
            if (key == "name") {
                if (Fault twice = Once(&seen, 1, key)) return twice;
                std::string_view name;
                if (Fault bad = ReadText(field, key, kMaxNameBytes, &scratch_, &name)) return bad;
                if (name.empty()) return {422, "must not be empty", std::string(key)};
                push_->server_name = name;
                return {};
            }
            if (key == "version_num") {
                if (Fault twice = Once(&seen, 2, key)) return twice;
                int64_t version = 0;
                if (Fault bad = ReadInteger(field, key, &version)) return bad;
                if (version < 0 || version > INT32_MAX) {
                    return {422, "must be a server_version_num", std::string(key)};
                }
                push_->server_version = static_cast<uint32_t>(version);
                return {};
            }
            unstored_.CountField("server", key);
            return Skip(field, 2, "");
        });
    if (!fault) parent_ = {};
    return fault;
}

Fault Walk::ReadMetrics(od::value value) {
    od::array array;
    if (Fault fault = ArrayOf(value, "metrics", &array)) return fault;
    int64_t count = 0;
    for (auto item : array) {
        metric_index_ = count++;
        od::value metric;
        if (std::move(item).get(metric) != simdjson::SUCCESS) {
            return FaultOf(JsonStatus::kMalformed, "");
        }
        if (Fault fault = ReadMetric(metric)) return fault;
    }
    metric_index_ = -1;
    metrics_read_ = count;
    return {};
}

// FindType reads ahead to "type": v3 collectors write keys in alphabetical order, so it stands
// behind the rows that it names. What is read past is checked when the rows are read.
Fault Walk::FindType(od::object* object, std::string* type) {
    for (auto item : *object) {
        od::field field;
        std::string_view key;
        if (std::move(item).get(field) != simdjson::SUCCESS) {
            return FaultOf(JsonStatus::kMalformed, "");
        }
        if (!Unescape(FindString(field.key().raw()), &key_, &key) || key != "type") continue;
        std::string_view text;
        if (Fault fault = ReadText(field.value(), key, kMaxNameBytes, &scratch_, &text)) {
            return fault;
        }
        *type = text;
        return FaultOf(
            object->reset().error() == simdjson::SUCCESS ? JsonStatus::kOk : JsonStatus::kMalformed,
            "");
    }
    return {422, "is missing", "type"};
}

MetricReader* Walk::ReaderOf(const Metric& metric) {
    for (const auto& reader : readers_) {
        if (&reader->rows.metric() == &metric) return reader.get();
    }
    return readers_.emplace_back(std::make_unique<MetricReader>(metric, seed_)).get();
}

Fault Walk::ReadMetric(od::value value) {
    od::object object;
    if (Fault fault = ObjectOf(value, "", &object)) return fault;
    std::string type;
    if (Fault fault = FindType(&object, &type)) return fault;
    const Metric* metric = protocol::FindMetric(std::string_view(type));
    metric_seen_ = 0;
    if (metric != nullptr) return ReadKnownMetric(ReaderOf(*metric), object);
    unstored_.CountType(type);
    return ReadUnknownMetric(object);
}

Fault Walk::ReadUnknownMetric(od::object object) {
    return EachField(object, &key_, [this](std::string_view key, od::value value) {
        if (key == "type") {
            if (Fault fault = Once(&metric_seen_, kType, key)) return fault;
        }
        return Skip(value, 3, "");
    });
}

Fault Walk::ReadKnownMetric(MetricReader* reader, od::object object) {
    rows_key_ = reader->rows.metric().rows_key;
    cells_seen_ = 0;
    cells_.clear();
    const uint32_t first_row = reader->rows.builder()->rows();
    Fault fault = EachField(object, &key_, [&](std::string_view key, od::value value) {
        return ReadMetricField(reader, key, value);
    });
    if (!fault) fault = FinishMetric(reader, first_row);
    return fault;
}

Fault Walk::ReadMetricField(MetricReader* reader, std::string_view key, od::value value) {
    const Metric& metric = reader->rows.metric();
    if (key == "type") {
        if (Fault fault = Once(&metric_seen_, kType, key)) return fault;
        return {};  // FindType has read it
    }
    if (key == metric.rows_key) {
        if (Fault fault = Once(&metric_seen_, kRows, key)) return fault;
        return ReadRows(reader, value);
    }
    if (key == "unchanged") {
        if (Fault fault = Once(&metric_seen_, kUnchanged, key)) return fault;
        int64_t count = 0;
        if (Fault fault = ReadInteger(value, key, &count)) return fault;
        if (count < 0 || count > kMaxCount) {
            return {422, "must be a number of rows", std::string(key)};
        }
        push_->unchanged += static_cast<uint64_t>(count);
        return {};
    }
    const int column = reader->rows.FindColumn(key, Scope::kMetric);
    if (column < 0) {
        unstored_.CountField(metric.type, key);
        return Skip(value, 3, "");
    }
    const uint64_t bit = uint64_t{1} << column;
    if ((cells_seen_ & bit) != 0) return {422, "is there twice", std::string(key)};
    cells_seen_ |= bit;
    uint64_t word = 0;
    bool is_null = false;
    const auto index = static_cast<uint32_t>(column);
    Fault fault = reader->rows.ReadCell(value, metric.columns[index], &word, &is_null);
    if (!fault && !is_null) cells_.emplace_back(index, word);
    return fault;
}

Fault Walk::ReadRows(MetricReader* reader, od::value value) {
    od::array array;
    if (Fault fault = ArrayOf(value, rows_key_, &array)) return fault;
    for (auto item : array) {
        ++row_index_;
        od::value row;
        if (std::move(item).get(row) != simdjson::SUCCESS) {
            return FaultOf(JsonStatus::kMalformed, "");
        }
        if (++rows_read_ > protocol::kMaxRowsPerPush) {
            return {
                413,
                "a push may bring at most " + std::to_string(protocol::kMaxRowsPerPush) + " rows",
                ""};
        }
        if (Fault fault = reader->rows.ReadRow(row, 4, &unstored_)) return fault;
        if (Fault fault = MergeRow(reader)) return fault;
    }
    row_index_ = -1;
    return {};
}

// MergeRow folds the newest row into one of the same object that names the same query. The
// database and the time are the object's, so they need no look.
Fault Walk::MergeRow(MetricReader* reader) {
    protocol::RowBuilder* builder = reader->rows.builder();
    const uint32_t last = builder->rows() - 1;
    const protocol::Row row = builder->Last();
    // Word and NULL bit: an absent name is not an empty one.
    auto identity = [](protocol::Row r, uint32_t column) {
        return r.Word(column) * 2 + (r.IsNull(column) ? 1 : 0);
    };
    const uint64_t hash =
        reader->keys.Hash(metric_index_, row.Word(protocol::kQueryId),
                          identity(row, protocol::kUserName), identity(row, protocol::kTopLevel));
    const uint32_t into = reader->keys.FindOrAdd(hash, last, [&](uint32_t other) {
        const protocol::Row r = builder->At(other);
        return r.Word(protocol::kQueryId) == row.Word(protocol::kQueryId) &&
               identity(r, protocol::kUserName) == identity(row, protocol::kUserName) &&
               identity(r, protocol::kTopLevel) == identity(row, protocol::kTopLevel);
    });
    if (into == last) return {};
    if (const protocol::Column* column = reader->merger.MergeLast(builder, into)) {
        return {422, "is too large in sum over the rows of this query",
                std::string(column->json_key)};
    }
    ++push_->merged;
    return {};
}

// FinishMetric writes the metric's own values into its rows, once all of it has been read.
Fault Walk::FinishMetric(MetricReader* reader, uint32_t first_row) {
    const Metric& metric = reader->rows.metric();
    if ((metric_seen_ & (kRows | kUnchanged)) == 0) {
        return {422, "is missing", std::string(metric.rows_key)};
    }
    for (uint32_t i = 0; i < metric.columns.size(); ++i) {
        const protocol::Column& column = metric.columns[i];
        if (column.scope == Scope::kMetric && column.required && (cells_seen_ >> i & 1) == 0) {
            return {422, "is missing", std::string(column.json_key)};
        }
    }
    protocol::RowBuilder* builder = reader->rows.builder();
    for (uint32_t i = first_row; i < builder->rows(); ++i) {
        uint64_t* words = builder->Words(i);
        for (const auto& [column, word] : cells_) {
            words[0] &= ~(uint64_t{1} << column);
            words[1 + column] = word;
        }
    }
    return {};
}

// RefuseDocument says what is wrong with a document that is no object.
Error RefuseDocument(std::string_view body, od::document* document) {
    std::string scratch;
    bool good = false;
    if (body[0] == '[') {
        od::array array;
        good = document->get_array().get(array) == simdjson::SUCCESS;
        if (good) {
            for (auto item : array) {
                od::value value;
                good = std::move(item).get(value) == simdjson::SUCCESS &&
                       Validate(value, 1, &scratch) == JsonStatus::kOk;
                if (!good) break;
            }
        }
        good = good && AtEnd(document);
    } else if (body[0] == '"') {
        std::string_view ignored;
        const RawString raw = FindString(body.data() + 1);
        good =
            raw.bytes.size() + 2 == ScalarToken(body).size() && Unescape(raw, &scratch, &ignored);
    } else {
        good = CheckScalar(ScalarToken(body));
    }
    if (good) return {"$: must be an object", 422};
    return {"$: not well-formed JSON", 400};
}

}  // namespace

struct Decoder::Memory {
    od::parser parser;
};

Decoder::Decoder(uint64_t seed) : seed_(seed), memory_(std::make_unique<Memory>()) {}
Decoder::~Decoder() = default;

Result<DecodedPush> Decoder::Decode(std::string_view body) {
    DecodedPush push;
    const size_t start = body.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos) return Error{"$: the body is empty", 400};
    od::document document;
    const simdjson::padded_string_view padded(body.data(), body.size(),
                                              body.size() + core::Buffer::kPadding);
    switch (memory_->parser.iterate(padded).get(document)) {
        case simdjson::SUCCESS:
            break;
        case simdjson::MEMALLOC:
            throw std::bad_alloc();
        case simdjson::UTF8_ERROR:
            return Error{"$: not UTF-8", 400};
        default:
            return Error{"$: not well-formed JSON", 400};
    }
    if (body[start] != '{') return RefuseDocument(body.substr(start), &document);
    od::object object;
    if (document.get_object().get(object) != simdjson::SUCCESS) {
        return Error{"$: not well-formed JSON", 400};
    }
    Walk walk(seed_, &push);
    Fault fault = walk.ReadPush(object);
    if (!fault && !AtEnd(&document)) fault = {400, "must be followed by nothing", ""};
    if (body.size() > kKeptCapacity) memory_->parser = od::parser();
    if (fault) return walk.ToError(fault);
    return push;
}

std::string_view ErrorPath(std::string_view message) {
    return message.substr(0, message.find(": "));
}

}  // namespace pganalytics::ingest
