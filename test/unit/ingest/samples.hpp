// Samples: small pushes for the tests of ingest.
#pragma once

#include <string>
#include <string_view>

#include "core/buffer.hpp"
#include "ingest/decode.hpp"

namespace pganalytics::ingest {

inline constexpr std::string_view kCollector = "11111111-2222-3333-4444-555555555555";

// Document wraps metrics into a push.
inline std::string Document(const std::string& metrics, const std::string& more = "") {
    return R"({"collector_id":")" + std::string(kCollector) + R"(","metrics":[)" + metrics + "]" +
           more + "}";
}

// QueryStats wraps rows into a metric, with "type" after the rows, as v3 collectors send it.
inline std::string QueryStats(const std::string& rows, const std::string& more = "") {
    return R"({"database":"app","queries":[)" + rows +
           R"(],"timestamp":"2026-11-22T08:54:22Z","type":"pg_query_stats")" + more + "}";
}

inline core::Result<DecodedPush> DecodeText(std::string_view json, uint32_t limit = 0) {
    static Decoder decoder(42);
    const core::Buffer body(json);
    return decoder.Decode(body.view(), limit);
}

// BlockOf gives the rows of a metric in a push, nullptr if it has none.
inline const protocol::RowBuilder* BlockOf(const DecodedPush& push, protocol::MetricId id) {
    for (const auto& block : push.blocks) {
        if (block.metric().id == id) return &block;
    }
    return nullptr;
}

}  // namespace pganalytics::ingest
