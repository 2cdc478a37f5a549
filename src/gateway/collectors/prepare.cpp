#include "gateway/collectors/prepare.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "ingest/inflate.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::gateway {
namespace {

using core::Error;
using core::Result;
using core::Sha256;

constexpr size_t kMaxKeyBytes = 255;
// JSON that is worth compressing shrinks to a quarter or less, so a compressed body larger than
// this is probably large when inflated.
constexpr size_t kLargeCompressedBytes = kLargeBodyBytes / 4;

core::Uuid Truncate(const Sha256& digest) {
    core::Uuid half;
    std::copy_n(digest.bytes, sizeof(half.bytes), half.bytes);
    return half;
}

// ParseSequence reads "<epoch>:<sequence>". It returns false for any other text.
bool ParseSequence(std::string_view text, PushKey* key) {
    const char* end = text.data() + text.size();
    const auto epoch = std::from_chars(text.data(), end, key->epoch);
    if (epoch.ec != std::errc{} || epoch.ptr == end || *epoch.ptr != ':') return false;
    const auto sequence = std::from_chars(epoch.ptr + 1, end, key->sequence);
    return sequence.ec == std::errc{} && sequence.ptr == end;
}

// MakeFrame makes the frame of a push, with request id 0. Error: 413 if the push is too large for a
// frame.
Result<std::string> MakeFrame(const ingest::DecodedPush& decoded, protocol::Push push) {
    push.observed = decoded.observed;
    push.unchanged = decoded.unchanged;
    push.merged = decoded.merged;
    push.too_large = decoded.too_large;
    push.server_version = decoded.server_version;
    push.server_name = decoded.server_name;
    push.hostname = decoded.hostname;
    push.collector_version = decoded.collector_version;
    push.unstored = decoded.unstored;
    push.blocks = static_cast<uint32_t>(decoded.blocks.size());
    std::string frame;
    protocol::AppendFrame(protocol::FrameType::kPush, 0, push, &frame);
    size_t size = frame.size();
    for (const auto& block : decoded.blocks) size += block.EncodedBytes();
    const size_t payload = size - sizeof(protocol::FrameHeader);
    if (payload > protocol::kMaxPayloadBytes) {
        return Error{"the push brings more than one frame can hold", 413};
    }
    frame.reserve(size);
    for (const auto& block : decoded.blocks) block.AppendTo(&frame);
    protocol::FrameHeader header;
    std::memcpy(&header, frame.data(), sizeof(header));
    header.payload_bytes = static_cast<uint32_t>(payload);
    std::memcpy(frame.data(), &header, sizeof(header));
    return frame;
}

}  // namespace

Result<PushKey> MakePushKey(std::string_view idempotency_key, std::string_view body) {
    PushKey key;
    if (idempotency_key.empty()) {
        key.key = Truncate(pki::Sha256Of({"body:", body}));
        return key;
    }
    const bool printable = std::all_of(idempotency_key.begin(), idempotency_key.end(),
                                       [](char c) { return c >= 0x20 && c < 0x7F; });
    if (!printable || idempotency_key.size() > kMaxKeyBytes) {
        return Error{"Idempotency-Key must be 1 to 255 printable ASCII characters", 400};
    }
    key.has_sequence = ParseSequence(idempotency_key, &key);
    if (!key.has_sequence) key.epoch = key.sequence = 0;
    key.key = Truncate(pki::Sha256Of({"key:", idempotency_key}));
    return key;
}

bool MayBeLarge(std::string_view body) {
    const bool plain = ingest::DetectCompression(body) == ingest::Compression::kNone;
    return body.size() > (plain ? kLargeBodyBytes : kLargeCompressedBytes);
}

Result<PreparedPush> PreparePush(const PushSender& sender, core::Buffer* body, uint64_t limit,
                                 ingest::Decoder* decoder) {
    protocol::Push push;
    push.collector_id = sender.collector_id;
    push.credential = sender.credential;
    push.body_bytes = body->size();
    const auto compression = ingest::DetectCompression(body->view());
    core::Buffer inflated;
    if (compression != ingest::Compression::kNone) {
        auto whole = ingest::Inflate(compression, body->view(), limit);
        if (!whole) return whole.error();
        inflated = std::move(*whole);
    }
    push.body_hash = Truncate(pki::Sha256Of(body->view()));
    const auto key = MakePushKey(sender.idempotency_key, body->view());
    if (!key) return key.error();
    push.push_key = key->key;
    push.has_sequence = key->has_sequence ? 1 : 0;
    push.epoch = key->epoch;
    push.sequence = key->sequence;
    push.query_text_bytes = decoder->query_text_bytes();
    if (compression != ingest::Compression::kNone) *body = std::move(inflated);

    auto decoded = decoder->Decode(body->view(), sender.max_queries_per_db);
    body->Release();
    if (!decoded) return decoded.error();
    if (!(decoded->collector_id == push.collector_id)) {
        return Error{"collector_id: is not the collector this token was given to", 403,
                     "collector_id"};
    }
    Result<std::string> frame = MakeFrame(*decoded, push);
    if (!frame) return frame.error();
    return PreparedPush{std::move(*frame), push.body_bytes, std::move(decoded->unstored)};
}

}  // namespace pganalytics::gateway
