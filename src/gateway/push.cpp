#include "gateway/push.hpp"

#include <algorithm>

#include "http/problem.hpp"
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
constexpr unsigned kRetryAfterSeconds = 5;
// A token lasts as long as its collector is enabled; v3 collectors want to hear a time.
constexpr std::chrono::hours kTokenSaidToLast{24};

// TokenMemo remembers who was found to hold the token of a connection.
struct TokenMemo : http::ConnectionMemo {
    protocol::Credential credential;
    core::Uuid collector_id;
    uint32_t max_queries_per_db = 0;
};

const TokenMemo& MemoOf(http::Exchange& exchange) {
    return *static_cast<const TokenMemo*>(exchange.memo().get());
}

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

Response Unavailable(std::string_view detail) {
    return Problem(ProblemDetails{503, std::string(detail), "", "", kRetryAfterSeconds});
}

// RefusalOf names the place in the JSON that is at fault, where one is.
Response RefusalOf(const Error& error) {
    if (error.status == 503) return Unavailable(error.message);
    const std::string_view path = ingest::ErrorPath(error.message);
    return Problem(ProblemDetails{error.status, error.message,
                                  path == error.message ? "" : std::string(path), "", 0});
}

}  // namespace

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

Task<std::optional<Response>> PushService::Authorize(http::Exchange& exchange,
                                                     http::Access access) {
    const std::string_view token = BearerToken(exchange.request().Header("Authorization"));
    // Never 401: a v3 collector that gets one for a push drops the push, and one that gets one for
    // its configuration asks again without end.
    if (token.empty()) co_return Problem(403, "a bearer token is needed");
    protocol::Credential credential;
    credential.token_sha256 = pki::Sha256Of(token);
    auto* memo = static_cast<TokenMemo*>(exchange.memo().get());
    const bool known = memo != nullptr && memo->credential == credential;
    if (known && access == http::Access::kCollector) co_return std::nullopt;
    AuthAnswer answer;
    switch (co_await link_.Authenticate(credential, &answer)) {
        case WorkerAnswer::kAnswered:
            break;
        case WorkerAnswer::kTimedOut:
            log_.Line(Log::Kind::kWorker, true, "the worker has not said who holds a token");
            co_return Unavailable("the token could not be checked in time");
        case WorkerAnswer::kRefused:
            co_return Unavailable("the server is shutting down");
    }
    if (answer.reply.status != 200) {
        exchange.memo().reset();
        const Error error{answer.message.empty() ? "this token may not push" : answer.message,
                          static_cast<int>(answer.reply.status)};
        co_return RefusalOf(error);
    }
    auto fresh = std::make_unique<TokenMemo>();
    fresh->credential = credential;
    fresh->collector_id = answer.reply.collector_id;
    fresh->max_queries_per_db = answer.reply.max_queries_per_db;
    exchange.memo() = std::move(fresh);
    co_return std::nullopt;
}

// Prepare uses the loop for what is small and the thread beside it for the rest.
Task<Result<PreparedPush>> PushService::Prepare(const PushSender& sender, core::Buffer& body) {
    if (!MayBeLarge(body.view())) {
        Result<PreparedPush> prepared =
            PreparePush(sender, &body, std::min(max_body_bytes_, kLargeBodyBytes), &decoder_);
        // A body that is still there was not looked at: it inflates to a large one.
        const bool is_large = !prepared && prepared.error().status == 413 && !body.empty() &&
                              max_body_bytes_ > kLargeBodyBytes;
        if (!is_large) co_return prepared;
    }
    Result<PreparedPush> prepared = Error{"not prepared", 500};
    const std::function<void()> job = [&] {
        prepared = PreparePush(sender, &body, max_body_bytes_, &large_decoder_);
    };
    co_await side_.Run(job);
    co_return prepared;
}

// ReadBody gives the answer to a body that could not be read, or nothing.
Task<std::optional<Response>> PushService::ReadBody(http::Exchange& exchange) {
    const Status read = co_await exchange.ReadBody();
    if (read) co_return std::nullopt;
    if (read.error().status == 0) co_return Response{0, "", "", {}};
    if (read.error().status == 503) LogMemory();
    co_return RefusalOf(read.error());
}

void PushService::LogMemory() {
    log_.Line(Log::Kind::kMemory, true, "too many bodies are in memory, pushes are put off");
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
    PushSender sender;
    sender.collector_id = MemoOf(exchange).collector_id;
    sender.credential = MemoOf(exchange).credential;
    sender.max_queries_per_db = MemoOf(exchange).max_queries_per_db;
    // Copied: trailers of a chunked body may move the fields.
    sender.idempotency_key = request.Header("Idempotency-Key");
    if (request.HasHeader("Idempotency-Key")) {
        const std::string_view key = sender.idempotency_key;
        const auto checked = MakePushKey(key.empty() ? "\n" : key, {});
        if (!checked) co_return RefusalOf(checked.error());
    }
    std::optional<Response> unread = co_await ReadBody(exchange);
    if (unread) co_return std::move(*unread);

    Result<PreparedPush> prepared = co_await Prepare(sender, request.body());
    if (!prepared) co_return RefusalOf(prepared.error());
    const PushFacts facts{sender.collector_id, prepared->body_bytes, begin,
                          std::move(prepared->unstored)};
    co_return co_await Store(exchange, facts, std::move(prepared->frame));
}

// Store sends a frame to the worker and waits for its receipt.
Task<Response> PushService::Store(http::Exchange& exchange, const PushFacts& facts,
                                  std::string frame) {
    // Small rows make frames larger than their JSON; one push must always fit the budget.
    if (!exchange.lease.Hold(std::min<uint64_t>(frame.size(), max_body_bytes_))) {
        LogMemory();
        co_return Unavailable("too many bodies are in memory");
    }

    ReceiptAnswer answer;
    switch (co_await link_.Push(facts.collector_id, std::move(frame), &answer)) {
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
    if (answer.receipt.status == 403) {
        // The token has lost its right since it was asked for: ask again next time.
        exchange.memo().reset();
    } else if (answer.receipt.max_queries_per_db != 0) {
        static_cast<TokenMemo*>(exchange.memo().get())->max_queries_per_db =
            answer.receipt.max_queries_per_db;
    }
    co_return ReceiptResponse(answer, facts);
}

Task<Response> PushService::Health(http::Exchange& exchange) {
    const protocol::HealthRequest request{MemoOf(exchange).collector_id,
                                          MemoOf(exchange).credential};
    HealthAnswer answer;
    switch (co_await link_.Health(request, &answer)) {
        case WorkerAnswer::kAnswered:
            break;
        case WorkerAnswer::kTimedOut:
            co_return Unavailable("the worker has not answered in time");
        case WorkerAnswer::kRefused:
            co_return Unavailable("the server is shutting down");
    }
    if (answer.reply.status == 200) co_return http::JsonResponse(200, std::move(answer.body));
    if (answer.reply.status == 403) exchange.memo().reset();
    co_return RefusalOf(Error{answer.body, static_cast<int>(answer.reply.status)});
}

Task<Response> PushService::RefreshToken(http::Exchange& exchange) {
    // Copied: trailers of a chunked body may move the fields.
    const std::string token(BearerToken(exchange.request().Header("Authorization")));
    std::optional<Response> unread = co_await ReadBody(exchange);
    if (unread) co_return std::move(*unread);
    co_return TokenResponse(token, std::chrono::system_clock::now() + kTokenSaidToLast);
}

}  // namespace pganalytics::gateway
