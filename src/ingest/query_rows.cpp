#include "ingest/query_rows.hpp"

#include <utility>

#include "core/utf8.hpp"
#include "protocol/query_limit.hpp"

namespace pganalytics::ingest {
namespace {

using protocol::Row;

constexpr uint32_t kCalls = protocol::kFirstCounter;
constexpr uint32_t kTotalTime = protocol::kFirstCounter + 3;

// Identity combines a cell's word and its NULL bit: an absent name differs from an empty one.
uint64_t Identity(Row row, uint32_t column) {
    return row.Word(column) * 2 + (row.IsNull(column) ? 1 : 0);
}

void SetCell(std::vector<uint64_t>* words, uint32_t column, uint64_t word) {
    words->front() &= ~(uint64_t{1} << column);
    (*words)[1 + column] = word;
}

}  // namespace

void QueryRows::StartObject() {
    ++object_;
    first_row_ = builder_->rows();
    row_texts_.clear();
    newest_ = {};
    copies_.clear();
}

void QueryRows::KeepText(std::string_view text, bool copy, uint64_t bytes) {
    // What is left has more than `bytes`, because no character of UTF-8 has more than four.
    if (text.size() > bytes) text = core::CutUtf8(text, bytes + 4);
    newest_ = {copy ? nullptr : text.data(), copies_.size(), text.size(), true};
    if (copy) copies_.append(text);
}

Fault QueryRows::EndRow(Account* account) {
    const uint32_t last = builder_->rows() - 1;
    const Row row = builder_->Last();
    const uint64_t hash =
        keys_.Hash(object_, row.Word(protocol::kQueryId), Identity(row, protocol::kUserName),
                   Identity(row, protocol::kTopLevel));
    const uint32_t into = keys_.FindOrAdd(hash, last, [&](uint32_t other) {
        // keys_ may still have the numbers of rows that the limit has removed, and rows of later
        // objects reuse these numbers.
        if (other < first_row_ || other >= last) return false;
        const Row r = builder_->At(other);
        return r.Word(protocol::kQueryId) == row.Word(protocol::kQueryId) &&
               Identity(r, protocol::kUserName) == Identity(row, protocol::kUserName) &&
               Identity(r, protocol::kTopLevel) == Identity(row, protocol::kTopLevel);
    });
    const Text text = std::exchange(newest_, {});
    if (into == last) {
        row_texts_.push_back(text);
        return {};
    }
    if (const auto* column = merger_.Merge(row, builder_->Words(into))) {
        return {422, "is too large in sum over the rows of this query",
                std::string(column->json_key)};
    }
    Text& kept = row_texts_[into - first_row_];
    if (!kept.is_there) kept = text;
    builder_->DropRow();
    ++account->merged;
    return {};
}

Fault QueryRows::EndObject(uint32_t limit, Account* account) {
    if (limit != 0 && row_texts_.size() > limit) {
        if (Fault fault = ApplyLimit(limit, account)) return fault;
    }
    PlaceTexts();
    return {};
}

// IsOther is true for an `other` row of the sender, which sums the queries beyond the sender's own
// limit.
bool QueryRows::IsOther(Row row) const {
    return row.Int8(protocol::kQueryId) == protocol::kOtherQueryId &&
           !row.IsNull(protocol::kUserName) &&
           builder_->Text(row.Word(protocol::kUserName)).empty() &&
           row.Word(protocol::kTopLevel) == 1;
}

// Fold adds the row `from` to the row `other`, which is `into`. If `into` is empty, it becomes a
// copy of `from`.
Fault QueryRows::Fold(Row from, std::vector<uint64_t>* into) const {
    if (into->empty()) {
        into->assign(from.words, from.words + 1 + builder_->metric().columns.size());
        return {};
    }
    if (const auto* column = merger_.Merge(from, into->data())) {
        return {422, "is too large in sum over the rows beyond the limit",
                std::string(column->json_key)};
    }
    return {};
}

Fault QueryRows::ApplyLimit(uint32_t limit, Account* account) {
    std::vector<protocol::QueryWeight> weights;
    std::vector<uint64_t> other;
    weights.reserve(row_texts_.size());
    for (uint32_t i = first_row_; i < builder_->rows(); ++i) {
        const Row row = builder_->At(i);
        if (IsOther(row)) {
            other.assign(row.words, row.words + 1 + builder_->metric().columns.size());
        } else {
            weights.push_back({row.Float8(kTotalTime), row.Int8(kCalls)});
        }
    }
    if (weights.size() <= limit) return {};
    const std::vector<bool> kept = protocol::ChooseQueries(weights, limit);
    uint32_t to = first_row_;
    size_t query = 0;
    for (uint32_t i = first_row_; i < builder_->rows(); ++i) {
        const Row row = builder_->At(i);
        if (IsOther(row)) continue;
        if (kept[query++]) {
            row_texts_[to - first_row_] = row_texts_[i - first_row_];
            builder_->MoveRow(i, to++);
        } else if (Fault fault = Fold(row, &other)) {
            return fault;
        }
    }
    SetCell(&other, protocol::kUserName, texts_->Intern("", builder_));
    SetCell(&other, protocol::kQueryId, static_cast<uint64_t>(protocol::kOtherQueryId));
    SetCell(&other, protocol::kTopLevel, 1);
    // One of the removed rows became the row `other`, so only the rest were merged.
    const uint64_t folded = builder_->rows() - to - 1;
    builder_->Truncate(to);
    builder_->AppendRow(other.data());
    row_texts_.resize(to - first_row_);
    row_texts_.emplace_back();
    account->merged += folded;
    account->beyond_limit += folded;
    return {};
}

void QueryRows::PlaceTexts() {
    for (size_t i = 0; i < row_texts_.size(); ++i) {
        const Text& text = row_texts_[i];
        if (!text.is_there) continue;
        const char* bytes = text.bytes != nullptr ? text.bytes : copies_.data() + text.offset;
        builder_->SetWordOf(first_row_ + static_cast<uint32_t>(i), protocol::kQueryText,
                            texts_->Intern({bytes, text.size}, builder_));
    }
}

}  // namespace pganalytics::ingest
