// Metric reader: decodes the metrics of one JSON type. It walks each metric once and makes the rows
// of all relations that the catalog has for the type.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/json/json_walk.hpp"
#include "ingest/json/value_reader.hpp"
#include "ingest/path_tree.hpp"
#include "ingest/progress.hpp"
#include "ingest/query_rows.hpp"
#include "ingest/text_index.hpp"
#include "protocol/row_builder.hpp"

namespace pganalytics::ingest {

class MetricReader {
  public:
    // REQUIRES: all metrics have one type; `progress` outlives the reader. `seed` keys the hashes,
    // so that no sender can choose keys that collide.
    MetricReader(std::span<const protocol::Metric> metrics, uint64_t seed, Progress* progress);

    std::string_view type() const { return metrics_[0].type; }

    // Read adds the rows of one object. Faults: 400 not JSON; 413 too many rows; 422 a value that
    // is not allowed.
    Fault Read(od::object object);

    // MoveBlocks appends the block of each relation that has rows. REQUIRES: no Read follows.
    void MoveBlocks(std::vector<protocol::RowBuilder>* blocks);

  private:
    struct Relation {
        Relation(const protocol::Metric& metric, uint64_t seed) : builder(metric), texts(seed) {}
        const protocol::Column& column(uint32_t i) const { return builder.metric().columns[i]; }

        protocol::RowBuilder builder;
        TextIndex texts;
        uint64_t required = 0;    // bits of the columns that each row must have
        uint64_t seen = 0;        // bits of the columns that the newest row has
        uint32_t first_row = 0;   // first row of the object being read
        bool has_member = false;  // a column gets the key of an object's member
        bool by_member = false;   // that column is `database`
    };
    struct MetricValue {
        Target target;
        uint64_t word;
    };

    Fault ReadNode(PathNode& node, od::value value, int depth);
    Fault ReadFields(PathNode& node, od::object object, int depth);
    Fault ReadMembers(PathNode& node, od::object object, int depth);
    Fault ReadElements(PathNode& node, od::value value, int depth);
    Fault ReadRow(PathNode& node, od::value value, int depth);
    Fault ReadRowFields(PathNode& node, od::value value, int depth);
    Fault ReadCell(PathNode& node, od::value value, int depth);
    Fault ReadOtherField(PathNode& node, od::value value, int depth);
    Fault ReadDatabases(PathNode& root, od::value value, int depth);
    Fault FinishDatabase(Relation& relation);
    Fault ReadCount(od::value value, uint32_t bit, uint64_t* count);
    Fault EnterMember(const PathNode& any, std::string_view name);
    Fault LeaveOut(const std::string& path, od::value value, int depth);
    int Predict(PathNode& node, const char* raw, size_t position, Fault* fault);
    Fault StartRow(Relation& relation);
    Fault EndRow(const PathNode& node, Relation& relation);
    Fault Finish();
    Fault FinishQueries();

    std::span<const protocol::Metric> metrics_;
    Progress* progress_;
    PathTree tree_;
    std::vector<std::unique_ptr<Relation>> relations_;
    std::unique_ptr<QueryRows> queries_;  // set only for pg_query_stats, which is read strictly
    ValueReader values_;
    std::string key_;
    // State of the object being read:
    uint32_t seen_ = 0;
    std::vector<MetricValue> metric_values_;
    std::string database_;  // the value of the object's database field
    std::string members_[2];
    Account account_;  // rows that belong to database_
    Account* member_account_ = nullptr;
};

}  // namespace pganalytics::ingest
