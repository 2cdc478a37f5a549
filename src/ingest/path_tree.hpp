// Path tree: where the values of the relations of one JSON type stand in its objects, as a tree of
// keys that is built from the catalog once and walked along each object.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/catalog/catalog.hpp"

namespace pganalytics::ingest {

// Target is a column that takes a value: `relation` counts within the metrics of the type.
struct Target {
    uint32_t relation;
    uint32_t column;
};

// PathNode is a value on the way. It is either a cell (targets), or an array (elements), or an
// object whose members are known by name (members) or are all alike (any); an object and the
// element of an array may be a row.
struct PathNode {
    std::string_view key;           // under which it stands in the object around it
    std::string path;               // its name in what is counted as unstored
    std::vector<Target> targets;    // several only in the metric's own fields
    bool of_metric = false;         // the targets take it for all rows of the metric's object
    std::vector<uint32_t> members;  // nodes
    int any = -1;                   // node of each member
    uint32_t any_level = 0;         // 0 for the first "*" of a path, 1 for the second
    int elements = -1;              // node of each element
    int row = -1;                   // relation that has a row for this value
    int whole = -1;                 // column of that row which takes the value's JSON text
    std::vector<int> order;         // member node of each key of the last object read, -1 none
};

class PathTree {
  public:
    // REQUIRES: metrics of one type. A catalog that the tree cannot express is a logic_error.
    explicit PathTree(std::span<const protocol::Metric> metrics);

    PathNode& root() { return nodes_[0]; }
    PathNode& At(int node) { return nodes_[static_cast<size_t>(node)]; }

    // FindMember gives the node of a member by its name, -1 if there is none.
    int FindMember(const PathNode& node, std::string_view key) const;

  private:
    int Member(int node, std::string_view key);
    int Descend(int node, std::string_view path);
    void AddColumn(int row_node, Target target, const protocol::Column& column);
    int Append(std::string_view key, std::string path);

    std::vector<PathNode> nodes_;
};

}  // namespace pganalytics::ingest
