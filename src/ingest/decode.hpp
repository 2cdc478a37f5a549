// Decode: the JSON of a push to typed rows, in one pass, by the metric catalog. Bytes in, values
// out: no sockets, no clock.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/types.hpp"
#include "protocol/row_builder.hpp"

namespace pganalytics::ingest {

// DecodedPush is what a body says. observed = rows in the blocks + unchanged + merged + too_large.
struct DecodedPush {
    core::Uuid collector_id;  // as the body claims
    std::string hostname;
    std::string server_name = "default";
    std::string collector_version;
    uint32_t server_version = 0;
    uint64_t observed = 0;
    uint64_t unchanged = 0;
    uint64_t merged = 0;
    uint64_t too_large = 0;
    std::string unstored;  // JSON object of names and counts, "" when everything has a table
    // At most one of each metric, none of them empty, and behind them that of kAccounts.
    std::vector<protocol::RowBuilder> blocks;
};

// Decoder keeps its working memory from push to push; one push at a time.
class Decoder {
  public:
    // `seed` should be random: it keeps senders from making rows whose hashes collide.
    explicit Decoder(uint64_t seed);
    ~Decoder();

    // Decode reads one document. Of the queries of one snapshot of a database max_queries_per_db
    // are kept and the others become one row (protocol/query_limit.hpp); 0 keeps all.
    // REQUIRES: core::Buffer::kPadding readable bytes behind `body`. Errors: 400 what is not JSON;
    // 422 JSON that is not a push; 413 more rows than a push may bring. The error has
    // the JSON path, "$" for the document itself; its message is "<path>: <reason>".
    core::Result<DecodedPush> Decode(std::string_view body, uint32_t max_queries_per_db);

  private:
    struct Memory;
    uint64_t seed_;
    std::unique_ptr<Memory> memory_;
};

}  // namespace pganalytics::ingest
