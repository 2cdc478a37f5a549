// Fuzzes the way of a body: inflate, decode, encode as blocks, decode as the worker does.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/buffer.hpp"
#include "core/text.hpp"
#include "ingest/decode.hpp"
#include "ingest/inflate.hpp"
#include "protocol/rows.hpp"

namespace {

using namespace pganalytics;

constexpr size_t kMaxInflated = 1 << 20;

void Require(bool condition) {
    if (!condition) std::abort();
}

// A block that the gateway makes is one that the worker takes.
void CheckBlock(const protocol::RowBuilder& builder) {
    std::string bytes;
    builder.AppendTo(&bytes);
    Require(bytes.size() == builder.EncodedBytes());
    core::ByteReader reader(bytes.data(), bytes.size());
    protocol::RowBlock block;
    const char* why = nullptr;
    Require(protocol::DecodeBlock(&reader, &block, &why));
    Require(reader.remaining() == 0 && block.rows == builder.rows() && block.rows > 0);
    Require(core::IsValidUtf8({block.heap, block.heap_bytes}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static ingest::Decoder decoder(7);
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    core::Buffer body(input);
    const auto compression = ingest::DetectCompression(input);
    if (compression != ingest::Compression::kNone) {
        auto inflated = ingest::Inflate(compression, input, kMaxInflated);
        if (!inflated) {
            Require(inflated.error().status == 400 || inflated.error().status == 413);
            return 0;
        }
        Require(inflated->size() <= kMaxInflated);
        body = std::move(*inflated);
    }
    const auto push = decoder.Decode(body.view(), limit);
    if (!push) {
        const int status = push.error().status;
        Require(status == 400 || status == 422 || status == 413);
        Require(push.error().message.find(": ") != std::string::npos);
        Require(core::IsValidUtf8(push.error().message));
        return 0;
    }
    Require(core::IsValidUtf8(body.view()));
    uint64_t rows = 0;
    for (const auto& block : push->blocks) {
        CheckBlock(block);
        rows += block.rows();
    }
    Require(push->observed == rows + push->unchanged + push->merged);
    Require(core::IsValidUtf8(push->unstored) && core::IsValidUtf8(push->hostname));
    return 0;
}
