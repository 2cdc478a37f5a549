// Path tree: where the values of one JSON type are, as a tree of keys. It is built once from the
// catalog. Each object is then read along the tree.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/catalog/catalog.hpp"

namespace pganalytics::ingest {

// Target is a column that takes a value; `relation` is an index into the metrics of the type.
struct Target {
    uint32_t relation;
    uint32_t column;
};

// PathNode is one value in the JSON of a metric. It is a cell (targets), an array (elements) or an
// object. The members of an object are either known by name (members) or all of the same kind
// (any). An object, or an element of an array, may be a row.
struct PathNode {
    std::string_view key;           // its key in the enclosing object
    std::string path;               // its name in the counts of unstored fields
    std::vector<Target> targets;    // columns; more than one only for the metric's own fields
    bool of_metric = false;         // the value belongs to all rows of the metric
    std::vector<uint32_t> members;  // indexes of the members' nodes
    int any = -1;                   // index of the node that every member has; -1: none
    uint32_t any_level = 0;         // 0 for the first "*" of a path, 1 for the second
    int elements = -1;              // index of the node that every element has; -1: none
    int row = -1;                   // index of the relation with a row for this value; -1: none
    int whole = -1;                 // column of that row for the value's whole JSON text
    std::vector<int> order;         // for each key of the last object read: its node, -1: none
};

class PathTree {
  public:
    // REQUIRES: all metrics have one type. Throws logic_error if the tree cannot express the
    // catalog.
    explicit PathTree(std::span<const protocol::Metric> metrics);

    PathNode& root() { return nodes_[0]; }
    PathNode& At(int node) { return nodes_[static_cast<size_t>(node)]; }

    // FindMember returns the node of a member by its name; -1 if there is none.
    int FindMember(const PathNode& node, std::string_view key) const;

  private:
    int Member(int node, std::string_view key);
    int Descend(int node, std::string_view path);
    void AddColumn(int row_node, Target target, const protocol::Column& column);
    int Append(std::string_view key, std::string path);

    std::vector<PathNode> nodes_;
};

}  // namespace pganalytics::ingest
