// Query rows: the special handling of pg_query_stats. Rows of one object (a snapshot of one
// database) that name the same query are merged. Rows beyond the limit of queries are merged into
// the row `other`. The texts of the remaining rows go on the heap.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/accounts.hpp"
#include "ingest/json/fault.hpp"
#include "ingest/merge.hpp"
#include "ingest/text_index.hpp"
#include "protocol/row_builder.hpp"

namespace pganalytics::ingest {

class QueryRows {
  public:
    // `texts` indexes the heap of `builder`. REQUIRES: both outlive this object.
    QueryRows(protocol::RowBuilder* builder, TextIndex* texts, uint64_t seed)
        : builder_(builder), texts_(texts), merger_(builder->metric()), keys_(seed) {}

    void StartObject();

    // KeepText stores the text of the newest row. If `copy` is false, the bytes must stay valid
    // until EndObject. Of a text with more than `bytes` bytes it keeps a few more than that.
    void KeepText(std::string_view text, bool copy, uint64_t bytes);

    // EndRow merges the newest row into an earlier row of the object that names the same query. It
    // need not compare database and time, since all rows of an object share them. Fault: 422 if a
    // sum is out of range.
    Fault EndRow(Account* account);

    // EndObject applies the limit (0: no limit) and puts the texts on the heap. Fault: 422 if a sum
    // is out of range.
    Fault EndObject(uint32_t limit, Account* account);

  private:
    struct Text {
        const char* bytes = nullptr;  // nullptr: the text is in copies_, from `offset`
        uint64_t offset = 0;
        size_t size = 0;
        bool is_there = false;
    };
    bool IsOther(protocol::Row row) const;
    Fault Fold(protocol::Row from, std::vector<uint64_t>* into) const;
    Fault ApplyLimit(uint32_t limit, Account* account);
    void PlaceTexts();

    protocol::RowBuilder* builder_;
    TextIndex* texts_;
    Merger merger_;
    RowIndex keys_;
    // State of the object being read:
    uint64_t object_ = 0;
    uint32_t first_row_ = 0;
    std::vector<Text> row_texts_;  // of each row of the object
    Text newest_;
    std::string copies_;
};

}  // namespace pganalytics::ingest
