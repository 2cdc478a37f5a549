#include "gateway/collectors/push.hpp"

#include <algorithm>

#include "gateway/identity/authorize.hpp"
#include "gateway/process/answers.hpp"
#include "gateway/process/header_text.hpp"
#include "ingest/inflate.hpp"

namespace pganalytics::gateway {
namespace {

using core::Error;
using core::Result;
using core::Status;
using core::Unit;
using http::Response;
using http::Task;

}  // namespace

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

// Prepare prepares a small body in the event loop and any other body on the side thread.
Task<Result<PreparedPush>> PushService::Prepare(const PushSender& sender, core::Buffer& body) {
    if (!MayBeLarge(body.view())) {
        Result<PreparedPush> prepared =
            PreparePush(sender, &body, std::min(max_body_bytes_, kLargeBodyBytes), &decoder_);
        // If the body is still there after a 413, it inflates to more than kLargeBodyBytes: prepare
        // it again on the side thread. After any other 413 PreparePush has freed the body.
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

// ReadBody returns the response to send if the body could not be read, else std::nullopt.
Task<std::optional<Response>> PushService::ReadBody(http::Exchange& exchange) {
    const Status read = co_await exchange.ReadBody();
    if (read) co_return std::nullopt;
    if (read.error().status == 503) LogMemory();
    co_return RefusalOf(read.error());
}

Response PushService::NoRoom() {
    LogMemory();
    return Unavailable("too many bodies are in memory");
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
    const Caller& caller = Authorizer::CallerOf(exchange);
    sender.collector_id = caller.collector_id;
    sender.credential = caller.credential;
    sender.max_queries_per_db = caller.max_queries_per_db;
    // Copy the key, because trailers of a chunked body may move the header fields in memory.
    sender.idempotency_key = request.Header("Idempotency-Key");
    if (request.HasHeader("Idempotency-Key")) {
        const std::string_view key = sender.idempotency_key;
        const auto checked = MakePushKey(key.empty() ? "\n" : key, {});
        if (!checked) co_return RefusalOf(checked.error());
    }
    std::optional<Response> unread = co_await ReadBody(exchange);
    if (unread) co_return std::move(*unread);
    // A frame is about as large as its JSON. If there is no room for it, refuse the push before it
    // is inflated and decoded: that would cost as much as a push that is stored, so more pushes
    // than the server can store would leave less and less time for those that it takes.
    const std::string_view body = request.body().view();
    const uint64_t needed =
        ingest::AnnouncedSize(ingest::DetectCompression(body), body, max_body_bytes_);
    if (!exchange.lease.Hold(std::max(exchange.lease.held(), needed))) co_return NoRoom();

    Result<PreparedPush> prepared = co_await Prepare(sender, request.body());
    if (!prepared) {
        if (prepared.error().status == 403) {
            refusals_.Add(protocol::RefusalKind::kBodyMismatch, exchange.client(),
                          sender.collector_id, "POST /api/v1/metrics/push");
        }
        co_return RefusalOf(prepared.error());
    }
    const PushFacts facts{sender.collector_id, prepared->body_bytes, begin,
                          std::move(prepared->unstored), identity_.trust_version()};
    co_return co_await Store(exchange, facts, std::move(prepared->frame));
}

// Store sends a frame to the worker and waits for its receipt.
Task<Response> PushService::Store(http::Exchange& exchange, const PushFacts& facts,
                                  std::string frame) {
    // The frame of a push with small rows is larger than its JSON. Lease at most max_body_bytes_
    // for it, so that one push always fits the budget.
    if (!exchange.lease.Hold(std::min<uint64_t>(frame.size(), max_body_bytes_))) {
        co_return NoRoom();
    }

    Answer<protocol::Receipt> answer;
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
    const protocol::Receipt& receipt = answer.message;
    Response response = ReceiptResponse(receipt, facts);
    Caller& caller = Authorizer::CallerOf(exchange);
    if (receipt.status == 403) {
        // The sender has lost its access since the gateway asked the worker about the sender. Ask
        // again at the next request.
        caller.Forget();
        response.close = exchange.stream().Peer() != nullptr;
    } else if (receipt.max_queries_per_db != 0) {
        caller.max_queries_per_db = receipt.max_queries_per_db;
    }
    co_return response;
}

Task<Response> PushService::Health(http::Exchange& exchange) {
    Caller& caller = Authorizer::CallerOf(exchange);
    const protocol::HealthRequest request{caller.collector_id, caller.credential};
    Answer<protocol::HealthReply> answer;
    const WorkerAnswer result = co_await link_.Ask<protocol::FrameType::kHealthReply>(
        protocol::FrameType::kHealthRequest, request, &answer);
    if (auto unanswered = Unanswered(result)) co_return std::move(*unanswered);
    const std::string body(answer.message.body);
    if (answer.message.status == 200) co_return http::JsonResponse(200, body);
    if (answer.message.status == 403) {
        caller.Forget();
        co_return Authorizer::Refusal(exchange, body);
    }
    co_return RefusalOf(Error{body, static_cast<int>(answer.message.status)});
}

}  // namespace pganalytics::gateway
