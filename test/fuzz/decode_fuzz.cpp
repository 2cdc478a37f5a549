// Fuzzes the path of a body: inflate, decode, encode as blocks, decode as the worker does.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/buffer.hpp"
#include "core/utf8.hpp"
#include "ingest/decode.hpp"
#include "ingest/inflate.hpp"
#include "protocol/frame.hpp"
#include "protocol/rows.hpp"

namespace {

using namespace pganalytics;

constexpr size_t kMaxInflated = 1 << 20;

void Require(bool condition) {
    if (!condition) std::abort();
}

// CheckBlock requires that the worker accepts a block that the gateway makes.
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

// CheckAccounts requires that each account adds up, and that all of them add up to the push's
// counts.
void CheckAccounts(const ingest::DecodedPush& push) {
    const protocol::RowBuilder& accounts = push.blocks.back();
    Require(accounts.metric().id == protocol::MetricId::kAccounts);
    uint64_t sums[protocol::kAccountQueries + 1] = {};
    for (uint32_t row = 0; row < accounts.rows(); ++row) {
        const protocol::Row account = accounts.At(row);
        for (uint32_t i = protocol::kAccountObserved; i <= protocol::kAccountQueries; ++i) {
            sums[i] += account.Word(i);
        }
        Require(account.Word(protocol::kAccountBeyondLimit) <=
                account.Word(protocol::kAccountMerged));
        Require(account.Word(protocol::kAccountBeyondLimit) <=
                account.Word(protocol::kAccountQueries));
        Require(account.Word(protocol::kAccountQueries) <=
                account.Word(protocol::kAccountObserved));
    }
    Require(sums[protocol::kAccountObserved] == push.observed);
    Require(sums[protocol::kAccountUnchanged] == push.unchanged);
    Require(sums[protocol::kAccountMerged] == push.merged);
    Require(sums[protocol::kAccountTooLarge] == push.too_large);
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
    // Half of the inputs have no limit of queries, the others a small one.
    const uint32_t limit = size % 2 == 0 ? 0 : static_cast<uint32_t>(size % 7);
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
    CheckAccounts(*push);
    rows -= push->blocks.back().rows();
    Require(push->observed == rows + push->unchanged + push->merged + push->too_large);
    // The worker ends a gateway that sends greater counts.
    Require(push->unchanged <= INT32_MAX && push->merged <= INT32_MAX);
    Require(rows <= protocol::kMaxRowsPerPush);
    Require(core::IsValidUtf8(push->unstored) && core::IsValidUtf8(push->hostname));
    return 0;
}
