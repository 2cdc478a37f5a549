#include "gateway/worker_link.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace pganalytics::gateway {
namespace {

using core::Error;
using core::Result;
using http::Task;
using protocol::FrameHeader;
using protocol::FrameType;

// What a worker sends is small: a frame beyond this is not one of its own.
constexpr uint32_t kMaxWorkerPayloadBytes = 1 << 20;
constexpr std::chrono::seconds kAnswerTimeout{30};

// What is revoked may be much.
constexpr uint32_t kMaxIdentityBytes = 64 << 20;

bool IsWorkerHeader(const FrameHeader& header) {
    const uint32_t most =
        header.type == FrameType::kIdentity ? kMaxIdentityBytes : kMaxWorkerPayloadBytes;
    return protocol::IsValidHeader(header) && header.payload_bytes <= most;
}

// IsAnswerStatus: stored, or one of HTTP's refusals.
bool IsAnswerStatus(uint32_t status) { return status == 200 || (status >= 400 && status < 600); }

// ReadExactly reads from a blocking descriptor. False at its end.
bool ReadExactly(int fd, char* to, size_t size) {
    while (size > 0) {
        const ssize_t n = read(fd, to, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        to += n;
        size -= static_cast<size_t>(n);
    }
    return true;
}

}  // namespace

WorkerLink::WorkerLink(http::asio::io_context& io, int fd)
    : io_(io), descriptor_(io, fd), writer_(fd) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

Result<protocol::GatewayConfig> WorkerLink::ReadConfig() {
    FrameHeader header = {};
    const int fd = descriptor_.native_handle();
    if (!ReadExactly(fd, reinterpret_cast<char*>(&header), sizeof(header))) {
        return Error{"the worker has closed its end"};
    }
    if (!IsWorkerHeader(header) || header.type != FrameType::kConfig) {
        return Error{"the worker's first frame is not a configuration"};
    }
    config_payload_.resize(header.payload_bytes);
    protocol::GatewayConfig config;
    if (!ReadExactly(fd, config_payload_.data(), config_payload_.size()) ||
        !protocol::DecodeWhole(config_payload_.data(), config_payload_.size(), &config)) {
        return Error{"the worker's configuration is cut or of another version"};
    }
    return config;
}

void WorkerLink::WriteAll(const std::string& bytes) {
    size_t at = 0;
    while (at < bytes.size()) {
        const ssize_t n = write(descriptor_.native_handle(), bytes.data() + at, bytes.size() - at);
        if (n < 0 && errno != EINTR) return;  // EOF follows
        if (n > 0) at += static_cast<size_t>(n);
    }
}

void WorkerLink::Start(std::function<void(const protocol::Drain&)> on_drain,
                       std::function<void(const std::string&)> on_end) {
    on_drain_ = std::move(on_drain);
    const int fd = descriptor_.native_handle();
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    auto ended = [this, on_end](std::exception_ptr error) {
        on_end(error ? "out of memory" : failure_);
    };
    http::asio::co_spawn(io_, ReadFrames(), ended);
}

Task<> WorkerLink::ReadFrames() {
    std::string buffer;
    std::string chunk(65536, '\0');
    while (true) {
        const ssize_t n = read(descriptor_.native_handle(), chunk.data(), chunk.size());
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) co_return;
        if (n < 0) {
            boost::system::error_code error;
            co_await descriptor_.async_wait(
                http::asio::posix::stream_descriptor::wait_read,
                http::asio::redirect_error(http::asio::use_awaitable, error));
            if (error) co_return;
            continue;
        }
        buffer.append(chunk.data(), static_cast<size_t>(n));
        size_t at = 0;
        while (buffer.size() - at >= sizeof(FrameHeader)) {
            FrameHeader header;
            std::memcpy(&header, buffer.data() + at, sizeof(header));
            if (!IsWorkerHeader(header)) {
                failure_ = "the worker has sent what is no frame";
                co_return;
            }
            const size_t size = sizeof(header) + header.payload_bytes;
            if (buffer.size() - at < size) break;
            if (!Dispatch(header, buffer.data() + at + sizeof(header))) {
                failure_ = "the worker has sent a frame that cannot be read";
                co_return;
            }
            at += size;
        }
        buffer.erase(0, at);
    }
}

bool WorkerLink::Dispatch(const FrameHeader& header, const char* payload) {
    const size_t size = header.payload_bytes;
    switch (header.type) {
        case FrameType::kDrain: {
            protocol::Drain drain;
            if (!protocol::DecodeWhole(payload, size, &drain)) return false;
            on_drain_(drain);
            return true;
        }
        case FrameType::kAuthReply: {
            protocol::AuthReply reply;
            return protocol::DecodeWhole(payload, size, &reply) &&
                   Deliver(header.request_id, reply);
        }
        case FrameType::kReceipt: {
            protocol::Receipt receipt;
            return protocol::DecodeWhole(payload, size, &receipt) &&
                   Deliver(header.request_id, receipt);
        }
        case FrameType::kIdentity: {
            protocol::Identity identity;
            return protocol::DecodeWhole(payload, size, &identity);
        }
        case FrameType::kHealthReply: {
            protocol::HealthReply reply;
            return protocol::DecodeWhole(payload, size, &reply) &&
                   Deliver(header.request_id, reply);
        }
        default:
            return false;
    }
}

// Deliver gives an answer to whoever waits for it. Nobody may: it came too late.
bool WorkerLink::Deliver(uint32_t request_id, const protocol::AuthReply& reply) {
    if (!IsAnswerStatus(reply.status)) return false;
    const auto found = waiters_.find(request_id);
    if (found == waiters_.end()) return true;
    if (found->second->auth == nullptr) return false;
    *found->second->auth = {reply, std::string(reply.message)};
    found->second->answered = true;
    found->second->event.Notify();
    return true;
}

bool WorkerLink::Deliver(uint32_t request_id, const protocol::Receipt& receipt) {
    uint64_t discarded = 0;
    for (const uint64_t count : receipt.discarded) discarded += count;
    const bool balanced =
        receipt.observed == receipt.stored + receipt.unchanged + receipt.merged + discarded;
    if (!IsAnswerStatus(receipt.status) || (receipt.status == 200 && !balanced) ||
        receipt.sqlstate.back() != '\0') {
        return false;
    }
    const auto found = waiters_.find(request_id);
    if (found == waiters_.end()) return true;
    if (found->second->receipt == nullptr) return false;
    *found->second->receipt = {receipt, std::string(receipt.message), std::string(receipt.detail)};
    found->second->answered = true;
    found->second->event.Notify();
    return true;
}

bool WorkerLink::Deliver(uint32_t request_id, const protocol::HealthReply& reply) {
    if (!IsAnswerStatus(reply.status)) return false;
    const auto found = waiters_.find(request_id);
    if (found == waiters_.end()) return true;
    if (found->second->health == nullptr) return false;
    *found->second->health = {reply, std::string(reply.body)};
    found->second->answered = true;
    found->second->event.Notify();
    return true;
}

uint32_t WorkerLink::NextRequestId() {
    do {
        ++last_request_id_;
    } while (last_request_id_ == 0 || waiters_.contains(last_request_id_));
    return last_request_id_;
}

Task<WorkerAnswer> WorkerLink::Wait(uint32_t request_id, Waiter& waiter) {
    waiters_.emplace(request_id, &waiter);
    const auto until = std::chrono::steady_clock::now() + kAnswerTimeout;
    while (!waiter.answered && !refusing_ && std::chrono::steady_clock::now() < until) {
        co_await waiter.event.Wait(until);
    }
    waiters_.erase(request_id);
    if (waiter.answered) co_return WorkerAnswer::kAnswered;
    co_return refusing_ ? WorkerAnswer::kRefused : WorkerAnswer::kTimedOut;
}

Task<WorkerAnswer> WorkerLink::Authenticate(const protocol::Credential& credential,
                                            AuthAnswer* answer) {
    Waiter waiter(io_);
    waiter.auth = answer;
    const uint32_t request_id = NextRequestId();
    std::string frame;
    protocol::AuthRequest request;
    request.credential = credential;
    protocol::AppendFrame(FrameType::kAuthRequest, request_id, request, &frame);
    if (!refusing_) writer_.Enqueue(std::move(frame));
    co_return co_await Wait(request_id, waiter);
}

Task<WorkerAnswer> WorkerLink::Push(const core::Uuid& collector_id, std::string frame,
                                    ReceiptAnswer* answer) {
    Waiter waiter(io_);
    waiter.receipt = answer;
    FrameHeader header;
    std::memcpy(&header, frame.data(), sizeof(header));
    header.request_id = NextRequestId();
    std::memcpy(frame.data(), &header, sizeof(header));
    if (!refusing_) writer_.EnqueuePush(collector_id, header.request_id, std::move(frame));
    const WorkerAnswer result = co_await Wait(header.request_id, waiter);
    writer_.EndPush(header.request_id);
    co_return result;
}

Task<WorkerAnswer> WorkerLink::Health(const protocol::HealthRequest& request,
                                      HealthAnswer* answer) {
    Waiter waiter(io_);
    waiter.health = answer;
    const uint32_t request_id = NextRequestId();
    std::string frame;
    protocol::AppendFrame(FrameType::kHealthRequest, request_id, request, &frame);
    if (!refusing_) writer_.Enqueue(std::move(frame));
    co_return co_await Wait(request_id, waiter);
}

void WorkerLink::RefuseWaiting() {
    refusing_ = true;
    for (const auto& [id, waiter] : waiters_) waiter->event.Notify();
}

}  // namespace pganalytics::gateway
