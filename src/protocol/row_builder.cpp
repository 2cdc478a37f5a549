#include "protocol/row_builder.hpp"

namespace pganalytics::protocol {

void RowBuilder::StartRow() {
    words_.resize(words_.size() + width_);
    words_[words_.size() - width_] = (uint64_t{1} << metric_->columns.size()) - 1;
}

uint64_t RowBuilder::AddText(std::string_view text) {
    const uint64_t offset = heap_.size();
    heap_.append(text);
    return offset << 32 | text.size();
}

size_t RowBuilder::EncodedBytes() const {
    return sizeof(BlockHeader) + words_.size() * sizeof(uint64_t) + core::AlignUp8(heap_.size());
}

void RowBuilder::AppendTo(std::string* out) const {
    core::ByteSink<std::string> sink(out);
    sink.Write(BlockHeader{static_cast<uint32_t>(metric_->id),
                           static_cast<uint32_t>(metric_->columns.size()), rows(),
                           static_cast<uint32_t>(heap_.size())});
    sink.WriteRaw(words_.data(), words_.size() * sizeof(uint64_t));
    sink.WriteRaw(heap_.data(), heap_.size());
    sink.Align8();
}

}  // namespace pganalytics::protocol
