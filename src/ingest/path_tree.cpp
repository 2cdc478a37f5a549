#include "ingest/path_tree.hpp"

#include <stdexcept>
#include <utility>

namespace pganalytics::ingest {
namespace {

using protocol::Column;
using protocol::ColumnType;
using protocol::Scope;

// Next removes the first key from a dotted path and returns it.
std::string_view Next(std::string_view* path) {
    const size_t dot = path->find('.');
    const std::string_view key = path->substr(0, dot);
    *path = dot == std::string_view::npos ? std::string_view{} : path->substr(dot + 1);
    return key;
}

void Require(bool condition) {
    if (!condition) throw std::logic_error("the catalog has a path that cannot be read");
}

}  // namespace

PathTree::PathTree(std::span<const protocol::Metric> metrics) {
    const int root = Append("", std::string(metrics[0].type));
    for (uint32_t relation = 0; relation < metrics.size(); ++relation) {
        const protocol::Metric& metric = metrics[relation];
        const int row = Descend(root, metric.rows_path);
        Require(At(row).row < 0);
        At(row).row = static_cast<int>(relation);
        for (uint32_t i = 0; i < metric.columns.size(); ++i) {
            const Column& column = metric.columns[i];
            if (column.scope == Scope::kMetric) {
                AddColumn(root, {relation, i}, column);
            } else if (column.scope == Scope::kRow) {
                AddColumn(row, {relation, i}, column);
            }
        }
    }
    for (const PathNode& node : nodes_) {
        const int kinds = (node.targets.empty() ? 0 : 1) + (node.elements < 0 ? 0 : 1) +
                          (node.any < 0 ? 0 : 1) + (node.members.empty() ? 0 : 1);
        Require(kinds <= 1 && (node.targets.size() <= 1 || node.of_metric));
    }
}

int PathTree::Append(std::string_view key, std::string path) {
    PathNode node;
    node.key = key;
    node.path = std::move(path);
    nodes_.push_back(std::move(node));
    return static_cast<int>(nodes_.size()) - 1;
}

int PathTree::FindMember(const PathNode& node, std::string_view key) const {
    for (const uint32_t member : node.members) {
        if (nodes_[member].key == key) return static_cast<int>(member);
    }
    return -1;
}

int PathTree::Member(int node, std::string_view key) {
    int member = FindMember(At(node), key);
    if (member >= 0) return member;
    member = Append(key, At(node).path + "." + std::string(key));
    At(node).members.push_back(static_cast<uint32_t>(member));
    return member;
}

// Descend follows a rows_path and creates missing nodes.
int PathTree::Descend(int node, std::string_view path) {
    uint32_t stars = 0;
    while (!path.empty()) {
        std::string_view key = Next(&path);
        const bool is_array = key.ends_with("[]");
        if (is_array) key.remove_suffix(2);
        if (key == "*") {
            if (At(node).any < 0) {
                const int any = Append(key, At(node).path + ".*");
                At(node).any = any;
                At(node).any_level = stars;
            }
            Require(++stars <= 2);
            node = At(node).any;
        } else {
            node = Member(node, key);
        }
        if (is_array) {
            if (At(node).elements < 0) {
                const int elements = Append("", At(node).path);
                At(node).elements = elements;
            }
            node = At(node).elements;
        }
    }
    return node;
}

void PathTree::AddColumn(int row_node, Target target, const Column& column) {
    if (column.json_key.empty()) {
        Require(column.type == ColumnType::kJson);
        At(row_node).whole = static_cast<int>(target.column);
        return;
    }
    Require(column.type != ColumnType::kJson);
    int node = row_node;
    std::string_view path = column.json_key;
    while (!path.empty()) node = Member(node, Next(&path));
    At(node).targets.push_back(target);
    At(node).of_metric = column.scope == Scope::kMetric;
}

}  // namespace pganalytics::ingest
