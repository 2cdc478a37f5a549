#include "ingest/metric_reader.hpp"

#include <bit>
#include <cstring>
#include <utility>

#include "core/utf8.hpp"

namespace pganalytics::ingest {
namespace {

using protocol::Column;
using protocol::ColumnRole;
using protocol::Metric;
using protocol::MetricId;
using protocol::Scope;

// MetricKey is a field of a metric that belongs to no column.
enum MetricKey : uint32_t { kType = 1, kRows = 2, kUnchanged = 4, kMerged = 8, kWrapped = 16 };
constexpr uint32_t kOfDatabase = kRows | kUnchanged | kMerged;
constexpr int64_t kMaxCount = INT32_MAX;
// kFieldDepth counts the containers around a field of a metric: the push, "metrics", the metric.
constexpr int kFieldDepth = 3;

constexpr uint64_t BitOf(uint32_t column) { return uint64_t{1} << column; }

}  // namespace

MetricReader::MetricReader(std::span<const Metric> metrics, uint64_t seed, Progress* progress)
    : metrics_(metrics), progress_(progress), tree_(metrics) {
    for (const Metric& metric : metrics) {
        Relation& relation = *relations_.emplace_back(std::make_unique<Relation>(metric, seed));
        for (uint32_t i = 0; i < metric.columns.size(); ++i) {
            const Column& column = metric.columns[i];
            const bool is_name =
                column.scope == Scope::kMember || column.scope == Scope::kInnerMember;
            relation.has_member |= is_name;
            relation.by_member |= is_name && column.role == ColumnRole::kDatabase;
            if (column.scope == Scope::kRow && column.required) relation.required |= BitOf(i);
        }
    }
    if (metrics[0].id == MetricId::kQueryStats) {
        queries_ =
            std::make_unique<QueryRows>(&relations_[0]->builder, &relations_[0]->texts, seed);
    }
}

Fault MetricReader::Read(od::object object) {
    seen_ = 0;
    metric_values_.clear();
    database_.clear();
    account_ = {};
    member_account_ = nullptr;
    for (const auto& relation : relations_) relation->first_row = relation->builder.rows();
    if (queries_ != nullptr) queries_->StartObject();
    PathNode& root = tree_.root();
    Relation* row = root.row < 0 ? nullptr : relations_[static_cast<size_t>(root.row)].get();
    if (row != nullptr) {
        if (Fault fault = StartRow(*row)) return fault;
    }
    if (Fault fault = ReadFields(root, object, kFieldDepth)) return fault;
    if (row != nullptr) {
        if (Fault fault = EndRow(root, *row)) return fault;
    }
    return Finish();
}

void MetricReader::MoveBlocks(std::vector<protocol::RowBuilder>* blocks) {
    for (const auto& relation : relations_) {
        if (relation->builder.rows() != 0) blocks->push_back(std::move(relation->builder));
    }
}

Fault MetricReader::ReadNode(PathNode& node, od::value value, int depth) {
    if (!node.targets.empty()) return ReadCell(node, value, depth);
    if (node.elements >= 0) return ReadElements(node, value, depth);
    if (node.row >= 0) return ReadRow(node, value, depth);
    od::json_type type;
    if (value.type().get(type) != simdjson::SUCCESS) return FaultOf(JsonStatus::kMalformed);
    if (type != od::json_type::object) return LeaveOut(node.path, value, depth);
    od::object object;
    if (Fault fault = ObjectOf(value, &object)) return fault;
    if (node.any >= 0) return ReadMembers(node, object, depth + 1);
    return ReadFields(node, object, depth + 1);
}

// LeaveOut skips a value of the wrong type and counts it as unstored. A null is not counted,
// because nothing is lost.
Fault MetricReader::LeaveOut(const std::string& path, od::value value, int depth) {
    od::json_type type;
    if (value.type().get(type) != simdjson::SUCCESS) return FaultOf(JsonStatus::kMalformed);
    if (type != od::json_type::null) progress_->unstored.CountField("", path);
    return Skip(value, depth, &progress_->scratch);
}

// Predict returns the node of a key. Most objects have the same keys in the same order, so it first
// tries the node that was at this position of the previous object. Returns -1 if no column takes
// the key; then key_ is the decoded key. Returns -1 with *fault set if the key is malformed.
int MetricReader::Predict(PathNode& node, const char* raw, size_t position, Fault* fault) {
    auto is_key = [raw](std::string_view key) {
        return std::memcmp(raw, key.data(), key.size()) == 0 && raw[key.size()] == '"';
    };
    if (position < node.order.size() && node.order[position] >= 0 &&
        is_key(tree_.At(node.order[position]).key)) {
        return node.order[position];
    }
    std::string_view key;
    if (!Unescape(FindString(raw), &key_, &key)) {
        *fault = FaultOf(JsonStatus::kMalformed);
        return -1;
    }
    if (key.data() != key_.data()) key_.assign(key);
    const int member = tree_.FindMember(node, key_);
    if (position < 2 * protocol::kMaxColumns) {
        if (position >= node.order.size()) node.order.resize(position + 1, -1);
        node.order[position] = member;
    }
    return member;
}

Fault MetricReader::ReadFields(PathNode& node, od::object object, int depth) {
    size_t position = 0;
    for (auto item : object) {
        od::field field;
        if (std::move(item).get(field) != simdjson::SUCCESS) {
            return FaultOf(JsonStatus::kMalformed);
        }
        Fault fault;
        const int found = Predict(node, field.key().raw(), position++, &fault);
        if (fault) return fault;
        if (found < 0) {
            if (Fault other = ReadOtherField(node, field.value(), depth)) return other;
            continue;
        }
        PathNode& member = tree_.At(found);
        fault = ReadNode(member, field.value(), depth);
        if (fault) return std::move(fault).In(member.key);
    }
    return {};
}

// ReadOtherField reads a field that belongs to no column. REQUIRES: key_ is the field's name.
Fault MetricReader::ReadOtherField(PathNode& node, od::value value, int depth) {
    if (&node == &tree_.root()) {
        if (key_ == "type") {  // FindType has read it
            Fault fault = Once(&seen_, kType);
            return fault ? std::move(fault).In(key_) : Fault();
        }
        // v3 collectors add these labels to some metrics; the credential already identifies the
        // sender.
        if (key_ == "collector_id" || key_ == "hostname") {
            return Skip(value, depth, &progress_->scratch);
        }
        if (queries_ != nullptr && key_ == "databases") return ReadDatabases(node, value, depth);
        if (queries_ != nullptr && (key_ == "unchanged" || key_ == "merged")) {
            const bool is_merged = key_ == "merged";
            uint64_t count = 0;
            Fault fault = ReadCount(value, is_merged ? kMerged : kUnchanged, &count);
            if (fault) return std::move(fault).In(is_merged ? "merged" : "unchanged");
            account_.observed += count;
            (is_merged ? account_.merged : account_.unchanged) += count;
            if (is_merged) account_.beyond_limit += count;
            return {};
        }
    }
    // If the row is stored as a whole, the stored text includes its unknown fields.
    if (node.whole < 0) progress_->unstored.CountField(node.path, key_);
    return Skip(value, depth, &progress_->scratch);
}

// ReadDatabases reads query statistics in v3's other form: an array of objects, each with the
// fields "database" and "queries" that the metric itself has in the usual form. The metric has the
// time.
Fault MetricReader::ReadDatabases(PathNode& root, od::value value, int depth) {
    od::array array;
    Fault bad =
        depth > kFieldDepth ? Fault(422, "must not stand within itself") : Once(&seen_, kWrapped);
    if (!bad) bad = ArrayOf(value, &array);
    if (bad) return std::move(bad).In("databases");
    Relation& relation = *relations_[0];
    const std::vector<MetricValue> of_metric = std::exchange(metric_values_, {});
    const uint32_t seen = std::exchange(seen_, 0);
    const uint32_t first_row = relation.first_row;
    size_t index = 0;
    for (auto item : array) {
        od::value element;
        od::object object;
        Fault fault;
        metric_values_.clear();
        seen_ = 0;
        relation.first_row = relation.builder.rows();
        queries_->StartObject();
        if (std::move(item).get(element) != simdjson::SUCCESS) {
            fault = FaultOf(JsonStatus::kMalformed);
        } else {
            fault = ObjectOf(element, &object);
        }
        if (!fault) fault = ReadFields(root, object, depth + 2);
        if (!fault) fault = FinishDatabase(relation);
        if (fault) {
            return std::move(fault).In("[" + std::to_string(index) + "]").In("databases");
        }
        ++index;
    }
    metric_values_ = of_metric;
    seen_ = seen;
    relation.first_row = first_row;
    return {};
}

// FinishDatabase writes the name of a database into its rows, and counts them in its account.
Fault MetricReader::FinishDatabase(Relation& relation) {
    if (Fault fault = FinishQueries()) return fault;
    bool is_named = false;
    for (const auto& [target, word] : metric_values_) {
        if (relation.column(target.column).role != ColumnRole::kDatabase) continue;
        is_named = true;
        for (uint32_t row = relation.first_row; row < relation.builder.rows(); ++row) {
            relation.builder.SetWordOf(row, target.column, word);
        }
    }
    if (!is_named) return {422, "is missing", "database"};
    progress_->accounts.Of(database_).Add(account_);
    database_.clear();
    account_ = {};
    return {};
}

Fault MetricReader::ReadCount(od::value value, uint32_t bit, uint64_t* count) {
    if (Fault fault = Once(&seen_, bit)) return fault;
    int64_t number = 0;
    if (Fault fault = ReadInteger(value, &number)) return fault;
    if (number < 0 || number > kMaxCount) return {422, "must be a number of rows"};
    *count = static_cast<uint64_t>(number);
    return {};
}

// EnterMember stores the name of an object's member for the rows inside that member.
Fault MetricReader::EnterMember(const PathNode& any, std::string_view name) {
    if (any.any_level == 0) {
        if (Fault fault = CheckName(name)) return fault;
        member_account_ = &progress_->accounts.Of(name);
    } else if (name.find('\0') != std::string_view::npos) {
        return {422, "must not contain NUL (\\u0000)"};
    }
    const std::string_view label = core::CutUtf8(name, kMaxLabelBytes);
    if (label.size() != name.size()) progress_->unstored.CountField("", any.path);
    members_[any.any_level] = label;
    return {};
}

Fault MetricReader::ReadMembers(PathNode& node, od::object object, int depth) {
    PathNode& any = tree_.At(node.any);
    Fault fault = EachField(object, &key_, [&](std::string_view name, od::value value) {
        Fault bad = EnterMember(node, name);
        if (!bad) bad = ReadNode(any, value, depth);
        return bad ? std::move(bad).In("*") : Fault();
    });
    if (node.any_level == 0) member_account_ = nullptr;
    return fault;
}

Fault MetricReader::ReadElements(PathNode& node, od::value value, int depth) {
    od::array array;
    if (queries_ != nullptr) {
        if (Fault fault = Once(&seen_, kRows)) return fault;
        if (Fault fault = ArrayOf(value, &array)) return fault;
    } else {
        od::json_type type;
        if (value.type().get(type) != simdjson::SUCCESS) return FaultOf(JsonStatus::kMalformed);
        if (type != od::json_type::array) return LeaveOut(node.path, value, depth);
        if (Fault fault = ArrayOf(value, &array)) return fault;
    }
    PathNode& elements = tree_.At(node.elements);
    size_t index = 0;
    for (auto item : array) {
        od::value element;
        Fault fault;
        if (std::move(item).get(element) != simdjson::SUCCESS) {
            fault = FaultOf(JsonStatus::kMalformed);
        } else {
            fault = ReadNode(elements, element, depth + 1);
        }
        if (fault) return std::move(fault).In("[" + std::to_string(index) + "]");
        ++index;
    }
    return {};
}

Fault MetricReader::StartRow(Relation& relation) {
    if (Fault fault = progress_->CountRow(relation.builder.metric())) return fault;
    protocol::RowBuilder& builder = relation.builder;
    builder.StartRow();
    relation.seen = 0;
    if (!relation.has_member) return {};
    for (uint32_t i = 0; i < builder.metric().columns.size(); ++i) {
        const Scope scope = relation.column(i).scope;
        if (scope != Scope::kMember && scope != Scope::kInnerMember) continue;
        const std::string& name = members_[scope == Scope::kMember ? 0 : 1];
        builder.SetWord(i, relation.texts.Intern(name, &builder));
    }
    return {};
}

// EndRow checks the newest row. It drops a row without any value, because the missing counters
// would be read as zero.
Fault MetricReader::EndRow(const PathNode& node, Relation& relation) {
    if (const uint64_t missing = relation.required & ~relation.seen; missing != 0) {
        const auto column = static_cast<uint32_t>(std::countr_zero(missing));
        return {422, "is missing", std::string(relation.column(column).json_key)};
    }
    if (relation.seen == 0 && queries_ == nullptr) {
        relation.builder.DropRow();
        progress_->DropRow(relation.builder.metric());
        if (&node != &tree_.root() && node.key.empty()) {
            progress_->unstored.CountField("", node.path);
        }
        return {};
    }
    ++(relation.by_member ? *member_account_ : account_).observed;
    return queries_ != nullptr ? queries_->EndRow(&account_) : Fault();
}

Fault MetricReader::ReadRow(PathNode& node, od::value value, int depth) {
    od::json_type type;
    if (value.type().get(type) != simdjson::SUCCESS) return FaultOf(JsonStatus::kMalformed);
    Relation& relation = *relations_[static_cast<size_t>(node.row)];
    if (type != od::json_type::object && node.whole < 0) {
        if (queries_ == nullptr) return LeaveOut(node.path, value, depth);
        Fault fault = Skip(value, depth, &progress_->scratch);
        return fault ? std::move(fault) : Fault(422, "must be an object");
    }
    if (Fault fault = StartRow(relation)) return fault;
    if (node.whole < 0) {
        if (Fault fault = ReadRowFields(node, value, depth)) return fault;
        return EndRow(node, relation);
    }
    std::string_view json;
    Fault fault = RawText(value, &json, [&] {
        return type == od::json_type::object ? ReadRowFields(node, value, depth)
                                             : Skip(value, depth, &progress_->scratch);
    });
    if (fault) return fault;
    if (HoldsNul(json)) return {422, "must not contain NUL (\\u0000)"};
    const auto whole = static_cast<uint32_t>(node.whole);
    relation.builder.SetWord(whole, relation.texts.Intern(json, &relation.builder));
    relation.seen |= BitOf(whole);
    return EndRow(node, relation);
}

Fault MetricReader::ReadRowFields(PathNode& node, od::value value, int depth) {
    od::object object;
    if (Fault fault = ObjectOf(value, &object)) return fault;
    return ReadFields(node, object, depth + 1);
}

Fault MetricReader::ReadCell(PathNode& node, od::value value, int depth) {
    const Target target = node.targets[0];
    Relation& relation = *relations_[target.relation];
    const Column& column = relation.column(target.column);
    const uint64_t bit = BitOf(target.column);
    bool is_again = (relation.seen & bit) != 0;
    if (node.of_metric) {
        is_again = false;
        for (const MetricValue& other : metric_values_) {
            is_again |=
                other.target.relation == target.relation && other.target.column == target.column;
        }
    }
    if (is_again) {
        return queries_ != nullptr ? Fault(422, "is there twice")
                                   : LeaveOut(node.path, value, depth);
    }
    if (!node.of_metric) relation.seen |= bit;
    Cell cell;
    bool fits = true;
    const bool is_strict = queries_ != nullptr || column.role == ColumnRole::kDatabase;
    if (Fault fault = is_strict ? values_.ReadStrictly(value, column, &cell)
                                : values_.ReadLoosely(value, column, depth, &cell, &fits)) {
        return fault;
    }
    if (!fits) progress_->unstored.CountField("", node.path);
    if (cell.is_null) return {};
    if (!node.of_metric) {
        if (column.role == ColumnRole::kText) {
            queries_->KeepText(cell.text, cell.in_scratch, progress_->query_text_bytes);
            return {};
        }
        relation.builder.SetWord(
            target.column,
            cell.is_text ? relation.texts.Intern(cell.text, &relation.builder) : cell.word);
        return {};
    }
    if (column.role == ColumnRole::kDatabase) database_ = cell.text;
    for (const Target& each : node.targets) {
        Relation& taker = *relations_[each.relation];
        metric_values_.push_back(
            {each, cell.is_text ? taker.texts.Intern(cell.text, &taker.builder) : cell.word});
    }
    return {};
}

// Finish writes the values of the metric itself into its rows, once the whole metric is read.
Fault MetricReader::Finish() {
    const bool is_wrapped = (seen_ & kWrapped) != 0;
    if (is_wrapped && ((seen_ & kOfDatabase) != 0 || !database_.empty())) {
        return {422, "must not stand beside the fields of one database", "databases"};
    }
    if (queries_ != nullptr && !is_wrapped) {
        if (Fault fault = FinishQueries()) return fault;
    }
    for (uint32_t i = 0; i < relations_.size(); ++i) {
        Relation& relation = *relations_[i];
        const uint32_t first = relation.first_row;
        const uint32_t end = relation.builder.rows();
        uint64_t given = 0;
        for (const auto& [target, word] : metric_values_) {
            if (target.relation != i) continue;
            given |= BitOf(target.column);
            for (uint32_t row = first; row < end; ++row) {
                relation.builder.SetWordOf(row, target.column, word);
            }
        }
        for (uint32_t c = 0; c < relation.builder.metric().columns.size(); ++c) {
            const Column& column = relation.column(c);
            if (column.scope != Scope::kMetric || !column.required || (given & BitOf(c)) != 0) {
                continue;
            }
            if (queries_ == nullptr && first == end) continue;
            if (is_wrapped && column.role == ColumnRole::kDatabase) continue;
            if (queries_ != nullptr || column.role != ColumnRole::kTime) {
                return {422, "is missing", std::string(column.json_key)};
            }
            progress_->untimed.push_back(
                {&relation.builder, c, first, end, progress_->metric_index});
        }
    }
    if (!is_wrapped) progress_->accounts.Of(database_).Add(account_);
    return {};
}

Fault MetricReader::FinishQueries() {
    account_.queries = account_.observed;
    if ((seen_ & kOfDatabase) == 0) return {422, "is missing", "queries"};
    return queries_->EndObject(progress_->max_queries_per_db, &account_);
}

}  // namespace pganalytics::ingest
