// Decode: converts the JSON of a push to typed rows, in one pass, as the metric catalog says. It
// uses no sockets and no clock.
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

// DecodedPush is the content of a body. observed = rows in the blocks + unchanged + merged +
// too_large.
struct DecodedPush {
    core::Uuid collector_id;  // as the body claims
    std::string hostname;
    std::string server_name;  // empty: the sender names no server
    std::string collector_version;
    uint32_t server_version = 0;
    uint64_t observed = 0;
    uint64_t unchanged = 0;
    uint64_t merged = 0;
    uint64_t too_large = 0;
    std::string unstored;  // JSON object: names and counts of what no table takes; "" if nothing
    // At most one block for each metric, none of them empty; the block of kAccounts is last.
    std::vector<protocol::RowBuilder> blocks;
};

// Decoder reuses its working memory; it decodes one push at a time.
class Decoder {
  public:
    // `seed` should be random, so that no sender can find rows whose hashes collide. A text of a
    // query with more than `query_text_bytes` bytes is cut to a few bytes more than that, so that
    // whoever reads it sees that it was longer.
    explicit Decoder(uint64_t seed, uint64_t query_text_bytes = UINT64_MAX);
    ~Decoder();

    // Decode reads one JSON document. It keeps max_queries_per_db queries of each snapshot of a
    // database (0: all of them) and merges the others into one row (protocol/query_limit.hpp).
    // REQUIRES: core::Buffer::kPadding bytes after `body` are readable. Errors:
    //   400: the document is not JSON, or is nested too deeply
    //   413: it has more rows than a push may have
    //   422: it is JSON, but not a push
    // An error has the JSON path of the faulty value ("$" for the document itself). Its message is
    // "<path>: <reason>".
    core::Result<DecodedPush> Decode(std::string_view body, uint32_t max_queries_per_db);

    uint64_t query_text_bytes() const { return query_text_bytes_; }

  private:
    struct Memory;
    uint64_t seed_;
    uint64_t query_text_bytes_;
    std::unique_ptr<Memory> memory_;
};

}  // namespace pganalytics::ingest
