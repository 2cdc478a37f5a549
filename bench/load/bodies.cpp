#include "bodies.hpp"

#include <libdeflate.h>

#include <charconv>
#include <memory>
#include <stdexcept>

#include "core/text.hpp"
#include "sample_rows.hpp"

namespace pganalytics::bench {
namespace {

// kCompressionLevel equals that of src/collector/push/push_body.cpp.
constexpr int kCompressionLevel = 1;
constexpr uint64_t kChangedPerThousand = 235;

using Compressor = std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)>;

template <typename Number>
void AppendNumber(Number value, std::string* body) {
    char digits[40];
    const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
    body->append(digits, end);
}

void AppendKey(std::string_view key, std::string* body) {
    body->append(",\"").append(key).append("\":");
}

// Zeros says which counters are zero, and whether zeros are written.
enum class Zeros { kWritten, kLeftOut, kLeftOutAsSeen };

void AppendCounters(int64_t query, int64_t push, Zeros zeros, std::string* body) {
    const auto counters = Counters();
    for (size_t i = 0; i < counters.size(); ++i) {
        const bool is_zero = zeros == Zeros::kLeftOutAsSeen ? IsZeroAsSeen(counters[i].name, query)
                                                            : IsUsuallyZero(counters[i].name);
        if (is_zero && zeros != Zeros::kWritten) continue;
        AppendKey(counters[i].json_key, body);
        if (is_zero) {
            *body += '0';
        } else if (counters[i].type == protocol::ColumnType::kFloat8) {
            AppendNumber(MillisOf(i, query, push), body);
        } else {
            AppendNumber(CountOf(i, query, push), body);
        }
    }
}

void AppendText(int64_t query, std::string* body) {
    AppendKey("text", body);
    *body += '"' + QueryTextOf(query) + '"';
}

std::string Head(const std::string& collector_id) {
    return "{\"collector_id\":\"" + collector_id +
           "\",\"hostname\":\"bench\",\"metrics\":[{\"database\":\"app\",\"queries\":[";
}

// Tail ends the array of queries and the document; `more` holds further members of the metric.
std::string Tail(const std::string& more, int64_t sampled_at) {
    const std::string timestamp = core::FormatTimestamp(sampled_at);
    return "]" + more + ",\"timestamp\":\"" + timestamp +
           "\",\"type\":\"pg_query_stats\"}],\"metrics_count\":1,\"timestamp\":\"" + timestamp +
           "\",\"version\":\"3.0.0\"}";
}

void BeginRow(int64_t query, std::string* body) {
    if (body->back() == '}') *body += ',';
    *body += "{\"hash\":";
    AppendNumber(QueryIdOf(query), body);
}

}  // namespace

std::string FullBody(const std::string& collector_id, int64_t rows, int64_t push,
                     int64_t sampled_at) {
    std::string body = Head(collector_id);
    for (int64_t query = 0; query < rows; ++query) {
        BeginRow(query, &body);
        AppendText(query, &body);
        AppendCounters(query, push, Zeros::kWritten, &body);
        body += '}';
    }
    return body + Tail("", sampled_at);
}

std::string ChangesBody(const std::string& collector_id, int64_t rows, int64_t push,
                        int64_t sampled_at, bool as_seen) {
    std::string body = Head(collector_id);
    int64_t unchanged = 0;
    for (int64_t query = 0; query < rows; ++query) {
        if (push % kFullEvery != 0 && !IsChanged(query, push)) {
            ++unchanged;
            continue;
        }
        BeginRow(query, &body);
        body += ",\"user\":\"app\",\"toplevel\":true";
        if (push == 0) AppendText(query, &body);
        AppendCounters(query, push, as_seen ? Zeros::kLeftOutAsSeen : Zeros::kLeftOut, &body);
        body += '}';
    }
    return body + Tail(",\"unchanged\":" + std::to_string(unchanged), sampled_at);
}

bool IsChanged(int64_t query, int64_t push) {
    uint64_t mixed = static_cast<uint64_t>(query) * 0x9E3779B97F4A7C15 +
                     static_cast<uint64_t>(push) * 0xC2B2AE3D27D4EB4F;
    mixed = (mixed ^ (mixed >> 29)) * 0xBF58476D1CE4E5B9;
    return (mixed >> 32) % 1000 < kChangedPerThousand;
}

std::string Gzip(const std::string& text) {
    const Compressor compressor(libdeflate_alloc_compressor(kCompressionLevel),
                                &libdeflate_free_compressor);
    std::string packed(libdeflate_gzip_compress_bound(compressor.get(), text.size()), '\0');
    packed.resize(libdeflate_gzip_compress(compressor.get(), text.data(), text.size(),
                                           packed.data(), packed.size()));
    if (packed.empty()) throw std::runtime_error("gzip failed");
    return packed;
}

}  // namespace pganalytics::bench
