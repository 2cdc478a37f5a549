#include "gateway/push.hpp"

#include <algorithm>
#include <charconv>

#include "http/problem.hpp"
#include "ingest/inflate.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::gateway {
namespace {

using core::Error;
using core::Result;
using core::Sha256;
using core::Status;
using core::Unit;
using http::Problem;
using http::ProblemDetails;
using http::Response;
using http::Task;

constexpr size_t kMaxTokenBytes = 4096;
constexpr size_t kMaxKeyBytes = 255;
constexpr unsigned kRetryAfterSeconds = 5;

// TokenMemo remembers who was found to hold the token of a connection.
struct TokenMemo : http::ConnectionMemo {
    Sha256 token;
    core::Uuid collector_id;
};

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
    auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [lower](char x, char y) { return lower(x) == lower(y); });
}

std::string_view Trim(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

core::Uuid Truncate(const Sha256& digest) {
    core::Uuid half;
    std::copy_n(digest.bytes, sizeof(half.bytes), half.bytes);
    return half;
}

// ParseSequence reads "<epoch>:<sequence>" and nothing else.
bool ParseSequence(std::string_view text, PushKey* key) {
    const char* end = text.data() + text.size();
    const auto epoch = std::from_chars(text.data(), end, key->epoch);
    if (epoch.ec != std::errc{} || epoch.ptr == end || *epoch.ptr != ':') return false;
    const auto sequence = std::from_chars(epoch.ptr + 1, end, key->sequence);
    return sequence.ec == std::errc{} && sequence.ptr == end;
}

Response Unavailable(std::string_view detail) {
    return Problem(ProblemDetails{503, std::string(detail), "", "", kRetryAfterSeconds});
}

Response RefusalOf(const Error& error) {
    if (error.status == 503) return Unavailable(error.message);
    return Problem(error.status, error.message);
}

// MakeFrame writes a push without its request id. Error: 413 when no frame can hold it.
Result<std::string> MakeFrame(const ingest::DecodedPush& decoded, protocol::Push push) {
    push.observed = decoded.observed;
    push.unchanged = decoded.unchanged;
    push.merged = decoded.merged;
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

std::string_view BearerToken(std::string_view authorization) {
    constexpr std::string_view kScheme = "Bearer ";
    if (!EqualsIgnoringCase(authorization.substr(0, kScheme.size()), kScheme)) return {};
    const std::string_view token = Trim(authorization.substr(kScheme.size()));
    const bool printable =
        std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7F; });
    return printable && token.size() <= kMaxTokenBytes ? token : std::string_view{};
}

Status CheckContent(std::string_view content_type, std::string_view content_encoding) {
    const std::string_view type = Trim(content_type.substr(0, content_type.find(';')));
    if (!type.empty() && !EqualsIgnoringCase(type, "application/json")) {
        return Error{"the Content-Type of a push is application/json", 415};
    }
    const std::string_view encoding = Trim(content_encoding);
    for (const std::string_view known : {"", "identity", "gzip", "x-gzip", "zstd"}) {
        if (EqualsIgnoringCase(encoding, known)) return Unit{};
    }
    return Error{"the Content-Encoding of a push is gzip, zstd or none", 415};
}

Task<std::optional<Response>> PushService::Authorize(http::Exchange& exchange) {
    const std::string_view token = BearerToken(exchange.request().Header("Authorization"));
    if (token.empty()) co_return Problem(401, "a bearer token is needed");
    const Sha256 digest = pki::Sha256Of(token);
    auto* memo = static_cast<TokenMemo*>(exchange.memo().get());
    if (memo != nullptr && memo->token == digest) co_return std::nullopt;
    AuthAnswer answer;
    switch (co_await link_.Authenticate(digest, &answer)) {
        case WorkerAnswer::kAnswered:
            break;
        case WorkerAnswer::kTimedOut:
            log_.Line(Log::Kind::kWorker, true, "the worker has not said who holds a token");
            co_return Unavailable("the token could not be checked in time");
        case WorkerAnswer::kRefused:
            co_return Unavailable("the server is shutting down");
    }
    if (answer.reply.status != 200) {
        const Error error{answer.message.empty() ? "this token may not push" : answer.message,
                          static_cast<int>(answer.reply.status)};
        co_return RefusalOf(error);
    }
    auto fresh = std::make_unique<TokenMemo>();
    fresh->token = digest;
    fresh->collector_id = answer.reply.collector_id;
    exchange.memo() = std::move(fresh);
    co_return std::nullopt;
}

// Decode gives back the memory of the body on its way: only the rows are left.
Result<ingest::DecodedPush> PushService::Decode(http::Exchange& exchange) {
    core::Buffer& body = exchange.request().body();
    const ingest::Compression compression = ingest::DetectCompression(body.view());
    if (compression != ingest::Compression::kNone) {
        const uint64_t available = exchange.lease.available();
        const uint64_t room = available - std::min<uint64_t>(available, body.capacity());
        const uint64_t limit = std::min(max_body_bytes_, room);
        auto inflated = ingest::Inflate(compression, body.view(), limit);
        if (!inflated) {
            if (inflated.error().status == 413 && limit < max_body_bytes_) {
                return Error{"too many bodies are in memory", 503};
            }
            return inflated.error();
        }
        body = std::move(*inflated);
    }
    auto decoded = decoder_.Decode(body.view());
    body.Release();
    return decoded;
}

Task<Response> PushService::Push(http::Exchange& exchange) {
    const auto begin = std::chrono::steady_clock::now();
    http::RequestParser& request = exchange.request();
    const Status content =
        CheckContent(request.Header("Content-Type"), request.Header("Content-Encoding"));
    if (!content) {
        Response refusal = RefusalOf(content.error());
        refusal.headers.emplace_back("Accept-Encoding", "gzip, zstd");
        co_return refusal;
    }
    // Copied: trailers of a chunked body may move the fields.
    const std::string idempotency_key(request.Header("Idempotency-Key"));
    if (request.HasHeader("Idempotency-Key")) {
        const auto checked = MakePushKey(idempotency_key.empty() ? "\n" : idempotency_key, {});
        if (!checked) co_return RefusalOf(checked.error());
    }
    const Status read = co_await exchange.ReadBody();
    if (!read) {
        if (read.error().status == 0) co_return Response{0, "", "", {}};
        if (read.error().status == 503) {
            log_.Line(Log::Kind::kMemory, true,
                      "too many bodies are in memory, pushes are put off");
        }
        co_return RefusalOf(read.error());
    }
    const auto* memo = static_cast<const TokenMemo*>(exchange.memo().get());
    protocol::Push push;
    push.collector_id = memo->collector_id;
    push.token_sha256 = memo->token;
    push.body_bytes = request.body().size();
    push.body_hash = Truncate(pki::Sha256Of(request.body().view()));
    const auto key = MakePushKey(idempotency_key, request.body().view());
    push.push_key = key->key;
    push.has_sequence = key->has_sequence ? 1 : 0;
    push.epoch = key->epoch;
    push.sequence = key->sequence;

    Result<ingest::DecodedPush> decoded = Decode(exchange);
    if (!decoded) {
        const Error& error = decoded.error();
        if (error.status == 503) co_return Unavailable(error.message);
        const std::string_view path = ingest::ErrorPath(error.message);
        co_return Problem(ProblemDetails{error.status, error.message,
                                         path == error.message ? "" : std::string(path), "", 0});
    }
    if (!(decoded->collector_id == push.collector_id)) {
        co_return Problem(
            ProblemDetails{403, "collector_id: is not the collector this token was given to",
                           "collector_id", "", 0});
    }
    Result<std::string> frame = MakeFrame(*decoded, push);
    if (!frame) co_return RefusalOf(frame.error());
    PushFacts facts{push.collector_id, push.body_bytes, 0, std::move(decoded->unstored)};
    decoded->blocks.clear();
    // Small rows make frames larger than their JSON; one push must always fit the budget.
    if (!exchange.lease.Hold(std::min<uint64_t>(frame->size(), max_body_bytes_))) {
        co_return Unavailable("too many bodies are in memory");
    }

    ReceiptAnswer answer;
    switch (co_await link_.Push(std::move(*frame), &answer)) {
        case WorkerAnswer::kAnswered:
            break;
        case WorkerAnswer::kTimedOut:
            log_.Line(Log::Kind::kWorker, true, "the worker has not answered a push in time");
            co_return Unavailable(
                "it is not known whether the push was stored; the same push may be sent again");
        case WorkerAnswer::kRefused:
            co_return Unavailable(
                "the server is shutting down; it is not known whether the push was stored, and "
                "the same push may be sent again");
    }
    // The token has lost its right since it was asked for: ask again next time.
    if (answer.receipt.status == 403) exchange.memo().reset();
    facts.processing_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                              std::chrono::steady_clock::now() - begin)
                              .count();
    co_return ReceiptResponse(answer, facts);
}

}  // namespace pganalytics::gateway
