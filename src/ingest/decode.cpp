#include "ingest/decode.hpp"

#include <simdjson.h>

#include <algorithm>
#include <new>
#include <optional>

#include "core/buffer.hpp"
#include "core/text.hpp"
#include "ingest/json/json_walk.hpp"
#include "ingest/metric_reader.hpp"
#include "ingest/unknown_reader.hpp"

namespace pganalytics::ingest {
namespace {

using core::Error;
using core::Result;
using protocol::Metric;

static_assert(core::Buffer::kPadding >= simdjson::SIMDJSON_PADDING);

// kMaxCount: the worker refuses a push whose counts are larger.
constexpr uint64_t kMaxCount = INT32_MAX;
// kMaxReusedCapacity is the largest body whose parser memory is kept for the next push (the parser
// needs four bytes per byte of the body).
constexpr size_t kMaxReusedCapacity = size_t{4} << 20;

// Walk decodes one document.
class Walk {
  public:
    Walk(uint64_t seed, uint32_t max_queries_per_db, uint64_t query_text_bytes, DecodedPush* push)
        : seed_(seed), push_(push), unknown_(seed, &progress_) {
        progress_.max_queries_per_db = max_queries_per_db;
        progress_.query_text_bytes = query_text_bytes;
    }

    Fault ReadPush(od::object object);

  private:
    Fault ReadPushField(std::string_view key, od::value value);
    Fault ReadServer(od::value value);
    Fault ReadMetrics(od::value value);
    Fault ReadMetric(od::value value);
    Fault FindType(od::object* object, std::string* type);
    MetricReader* ReaderOf(std::span<const Metric> metrics);
    Fault SetPushTime();
    Fault Finish();

    uint64_t seed_;
    DecodedPush* push_;
    Progress progress_;
    std::vector<std::unique_ptr<MetricReader>> readers_;
    UnknownReader unknown_;
    uint32_t push_seen_ = 0;
    std::optional<int64_t> metrics_count_;  // as the sender claims
    int64_t metrics_read_ = 0;
    std::optional<core::TimestampMicros> timestamp_;
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

std::string MetricPath(int64_t index) { return "metrics[" + std::to_string(index) + "]"; }

Error ErrorAt(const std::string& path, const std::string& reason, int status) {
    return {path + ": " + reason, status, path};
}

Error ErrorOf(const Fault& fault) {
    return ErrorAt(fault.path().empty() ? "$" : fault.path(), fault.reason(), fault.status());
}

// AtEnd is true if only white space is left.
bool AtEnd(od::document* document) {
    return document->current_location().error() == simdjson::OUT_OF_BOUNDS;
}

Fault Walk::ReadPush(od::object object) {
    Fault fault = EachField(object, &progress_.key, [this](std::string_view key, od::value value) {
        Fault bad = ReadPushField(key, value);
        // A fault in a metric already has its whole path.
        return bad && bad.path().empty() ? std::move(bad).In(key) : std::move(bad);
    });
    if (fault) return fault;
    if ((push_seen_ & kCollectorId) == 0) return {422, "is missing", "collector_id"};
    if ((push_seen_ & kMetrics) == 0) return {422, "is missing", "metrics"};
    if (metrics_count_.value_or(metrics_read_) != metrics_read_) {
        return {422, "must be the number of metrics", "metrics_count"};
    }
    fault = SetPushTime();
    return fault ? std::move(fault) : Finish();
}

// SetPushTime writes the time of the push into the rows of metrics that have no time of their own.
Fault Walk::SetPushTime() {
    for (const UntimedRows& rows : progress_.untimed) {
        if (!timestamp_) {
            Fault fault(422, "is missing", "timestamp");
            return std::move(fault).In(MetricPath(rows.metric_index));
        }
        for (uint32_t row = rows.first_row; row < rows.end_row; ++row) {
            rows.builder->SetWordOf(row, rows.column, static_cast<uint64_t>(*timestamp_));
        }
    }
    return {};
}

Fault Walk::Finish() {
    const Account total = progress_.accounts.Total();
    // Unchanged and merged rows are only numbers in the push, so no limit on rows bounds them.
    if (total.unchanged > kMaxCount || total.merged > kMaxCount) {
        return {422, "speak of too many unchanged or merged rows", "metrics"};
    }
    push_->observed = total.observed;
    push_->unchanged = total.unchanged;
    push_->merged = total.merged;
    push_->too_large = total.too_large;
    push_->unstored = progress_.unstored.ToJson();
    for (const auto& reader : readers_) reader->MoveBlocks(&push_->blocks);
    if (unknown_.builder()->rows() != 0) push_->blocks.push_back(std::move(*unknown_.builder()));
    push_->blocks.push_back(progress_.accounts.Block());
    return {};
}

Fault Walk::ReadPushField(std::string_view key, od::value value) {
    std::string_view text;
    if (key == "collector_id") {
        if (Fault fault = Once(&push_seen_, kCollectorId)) return fault;
        if (Fault fault = ReadText(value, kMaxNameBytes, &progress_.scratch, &text)) return fault;
        const auto id = core::ParseUuid(text);
        if (!id) return {422, "must be a UUID"};
        push_->collector_id = *id;
        return {};
    }
    if (key == "hostname") {
        if (Fault fault = Once(&push_seen_, kHostname)) return fault;
        Fault fault = ReadText(value, kMaxNameBytes, &progress_.scratch, &text);
        push_->hostname = text;
        return fault;
    }
    if (key == "metrics") {
        if (Fault fault = Once(&push_seen_, kMetrics)) return fault;
        return ReadMetrics(value);
    }
    if (key == "metrics_count") {
        if (Fault fault = Once(&push_seen_, kMetricsCount)) return fault;
        int64_t count = 0;
        if (Fault fault = ReadInteger(value, &count)) return fault;
        metrics_count_ = count;
        return {};
    }
    if (key == "timestamp") {
        if (Fault fault = Once(&push_seen_, kTimestamp)) return fault;
        if (Fault fault = ReadText(value, kMaxNameBytes, &progress_.scratch, &text)) return fault;
        timestamp_ = core::ParseRfc3339(text);
        if (timestamp_) return {};
        return {422, "must be a time like 2026-11-22T08:54:22Z"};
    }
    if (key == "version") {
        if (Fault fault = Once(&push_seen_, kVersion)) return fault;
        Fault fault = ReadText(value, kMaxNameBytes, &progress_.scratch, &text);
        push_->collector_version = text;
        return fault;
    }
    if (key == "server") {
        if (Fault fault = Once(&push_seen_, kServer)) return fault;
        return ReadServer(value);
    }
    progress_.unstored.CountField("", key);
    return Skip(value, 1, &progress_.scratch);
}

Fault Walk::ReadServer(od::value value) {
    od::object object;
    if (Fault fault = ObjectOf(value, &object)) return fault;
    uint32_t seen = 0;
    std::string key_scratch;
    auto read = [&](std::string_view key, od::value field) -> Fault {
        if (key == "name") {
            if (Fault twice = Once(&seen, 1)) return twice;
            std::string_view name;
            if (Fault bad = ReadText(field, kMaxNameBytes, &progress_.scratch, &name)) return bad;
            if (name.empty()) return {422, "must not be empty"};
            push_->server_name = name;
            return {};
        }
        if (key == "version_num") {
            if (Fault twice = Once(&seen, 2)) return twice;
            int64_t version = 0;
            if (Fault bad = ReadInteger(field, &version)) return bad;
            if (version < 0 || version > INT32_MAX) return {422, "must be a server_version_num"};
            push_->server_version = static_cast<uint32_t>(version);
            return {};
        }
        progress_.unstored.CountField("server", key);
        return Skip(field, 2, &progress_.scratch);
    };
    return EachField(object, &key_scratch, [&](std::string_view key, od::value field) {
        Fault fault = read(key, field);
        return fault ? std::move(fault).In("server." + std::string(key)) : Fault();
    });
}

Fault Walk::ReadMetrics(od::value value) {
    od::array array;
    if (Fault fault = ArrayOf(value, &array)) return fault;
    int64_t count = 0;
    for (auto item : array) {
        progress_.metric_index = count++;
        od::value metric;
        Fault fault;
        if (std::move(item).get(metric) != simdjson::SUCCESS) {
            fault = FaultOf(JsonStatus::kMalformed);
        } else {
            fault = ReadMetric(metric);
        }
        if (fault) return std::move(fault).In(MetricPath(progress_.metric_index));
    }
    metrics_read_ = count;
    return {};
}

// FindType reads ahead to "type", because the rows cannot be read without it. v3 collectors write
// keys in alphabetical order, so "type" comes after the rows. The skipped part is checked when the
// rows are read.
Fault Walk::FindType(od::object* object, std::string* type) {
    for (auto item : *object) {
        od::field field;
        std::string_view key;
        if (std::move(item).get(field) != simdjson::SUCCESS) {
            return FaultOf(JsonStatus::kMalformed);
        }
        if (!Unescape(FindString(field.key().raw()), &progress_.key, &key) || key != "type") {
            continue;
        }
        std::string_view text;
        if (Fault fault = ReadText(field.value(), kMaxNameBytes, &progress_.scratch, &text)) {
            return std::move(fault).In("type");
        }
        *type = text;
        return FaultOf(object->reset().error() == simdjson::SUCCESS ? JsonStatus::kOk
                                                                    : JsonStatus::kMalformed);
    }
    return {422, "is missing", "type"};
}

MetricReader* Walk::ReaderOf(std::span<const Metric> metrics) {
    for (const auto& reader : readers_) {
        if (reader->type() == metrics[0].type) return reader.get();
    }
    return readers_.emplace_back(std::make_unique<MetricReader>(metrics, seed_, &progress_)).get();
}

Fault Walk::ReadMetric(od::value value) {
    od::object object;
    if (Fault fault = ObjectOf(value, &object)) return fault;
    std::string type;
    if (Fault fault = FindType(&object, &type)) return fault;
    const auto metrics = protocol::MetricsOfType(type);
    if (metrics.empty() || metrics[0].id == protocol::MetricId::kUnknown) {
        return unknown_.Read(type, value, object);
    }
    return ReaderOf(metrics)->Read(object);
}

// RefuseDocument returns the error for a document that is not an object.
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
    if (good) return ErrorAt("$", "must be an object", 422);
    return ErrorAt("$", "not well-formed JSON", 400);
}

}  // namespace

struct Decoder::Memory {
    od::parser parser;
};

Decoder::Decoder(uint64_t seed, uint64_t query_text_bytes)
    : seed_(seed), query_text_bytes_(query_text_bytes), memory_(std::make_unique<Memory>()) {}
Decoder::~Decoder() = default;

Result<DecodedPush> Decoder::Decode(std::string_view body, uint32_t max_queries_per_db) {
    DecodedPush push;
    const size_t start = body.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos) return ErrorAt("$", "the body is empty", 400);
    od::document document;
    const simdjson::padded_string_view padded(body.data(), body.size(),
                                              body.size() + core::Buffer::kPadding);
    switch (memory_->parser.iterate(padded).get(document)) {
        case simdjson::SUCCESS:
            break;
        case simdjson::MEMALLOC:
            throw std::bad_alloc();
        case simdjson::UTF8_ERROR:
            return ErrorAt("$", "not UTF-8", 400);
        default:
            return ErrorAt("$", "not well-formed JSON", 400);
    }
    if (body[start] != '{') return RefuseDocument(body.substr(start), &document);
    od::object object;
    if (document.get_object().get(object) != simdjson::SUCCESS) {
        return ErrorAt("$", "not well-formed JSON", 400);
    }
    Walk walk(seed_, max_queries_per_db, query_text_bytes_, &push);
    Fault fault = walk.ReadPush(object);
    if (!fault && !AtEnd(&document)) fault = {400, "must be followed by nothing"};
    if (body.size() > kMaxReusedCapacity) memory_->parser = od::parser();
    if (fault) return ErrorOf(fault);
    return push;
}

}  // namespace pganalytics::ingest
