#include "gateway/process/worker_link.hpp"

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
using core::Status;
using core::Unit;
using http::Task;
using protocol::FrameHeader;
using protocol::FrameType;

// The limits of a worker's frames: a larger frame cannot come from a worker. An Identity frame of
// 64 MiB holds two million revoked certificates.
constexpr uint32_t kMaxWorkerPayloadBytes = 1 << 20;
constexpr uint32_t kMaxIdentityBytes = 64 << 20;

bool IsWorkerHeader(const FrameHeader& header) {
    const uint32_t limit =
        header.type == FrameType::kIdentity ? kMaxIdentityBytes : kMaxWorkerPayloadBytes;
    return protocol::IsValidHeader(header) && header.payload_bytes <= limit;
}

// IsAnswerStatus returns whether the status is 200 or a refusal (4xx, 5xx).
bool IsAnswerStatus(uint32_t status) { return status == 200 || (status >= 400 && status < 600); }

// IsAnswer checks those parts of an answer that can be checked without its request.
template <typename Reply>
bool IsAnswer(const Reply& reply) {
    return IsAnswerStatus(reply.status);
}
bool IsAnswer(const protocol::Receipt& receipt) {
    uint64_t discarded = 0;
    for (const uint64_t count : receipt.discarded) discarded += count;
    const bool balanced =
        receipt.observed == receipt.stored + receipt.unchanged + receipt.merged + discarded;
    return IsAnswerStatus(receipt.status) && (receipt.status != 200 || balanced) &&
           receipt.sqlstate.back() == '\0';
}

// ReadExactly reads from a blocking descriptor. It returns false at end of file or on an error.
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

Status WorkerLink::ReadFirst(FrameType type, std::string* payload) {
    FrameHeader header = {};
    const int fd = descriptor_.native_handle();
    if (!ReadExactly(fd, reinterpret_cast<char*>(&header), sizeof(header))) {
        return Error{"the worker has closed its end"};
    }
    if (!IsWorkerHeader(header) || header.type != type) {
        return Error{"the worker's first frames are not a configuration and an identity"};
    }
    payload->resize(header.payload_bytes);
    if (!ReadExactly(fd, payload->data(), payload->size())) {
        return Error{"the worker has closed its end"};
    }
    return Unit{};
}

Result<protocol::GatewayConfig> WorkerLink::ReadConfig() {
    protocol::GatewayConfig config;
    if (Status read = ReadFirst(FrameType::kConfig, &config_payload_); !read) return read.error();
    if (!protocol::DecodeWhole(config_payload_.data(), config_payload_.size(), &config)) {
        return Error{"the worker's configuration is cut or of another version"};
    }
    return config;
}

Result<protocol::Identity> WorkerLink::ReadIdentity() {
    protocol::Identity identity;
    if (Status read = ReadFirst(FrameType::kIdentity, &identity_payload_); !read) {
        return read.error();
    }
    if (!protocol::DecodeWhole(identity_payload_.data(), identity_payload_.size(), &identity)) {
        return Error{"the worker's identity frame is cut or of another version"};
    }
    return identity;
}

void WorkerLink::WriteAll(const std::string& bytes) {
    size_t at = 0;
    while (at < bytes.size()) {
        const ssize_t n = write(descriptor_.native_handle(), bytes.data() + at, bytes.size() - at);
        if (n < 0 && errno != EINTR) return;  // the next read gets end of file
        if (n > 0) at += static_cast<size_t>(n);
    }
}

void WorkerLink::Start(Handlers handlers) {
    handlers_ = std::move(handlers);
    identity_payload_ = std::string();
    const int fd = descriptor_.native_handle();
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    auto ended = [this](std::exception_ptr error) {
        handlers_.on_end(error ? "out of memory" : failure_);
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
        if (buffer.empty() && buffer.capacity() > kMaxWorkerPayloadBytes) buffer.shrink_to_fit();
    }
}

bool WorkerLink::Dispatch(const FrameHeader& header, const char* payload) {
    switch (header.type) {
        case FrameType::kDrain: {
            protocol::Drain drain;
            if (!protocol::DecodeWhole(payload, header.payload_bytes, &drain)) return false;
            handlers_.on_drain(drain);
            return true;
        }
        case FrameType::kIdentity: {
            protocol::Identity identity;
            return protocol::DecodeWhole(payload, header.payload_bytes, &identity) &&
                   handlers_.on_identity(identity);
        }
        case FrameType::kAuthReply:
            return Deliver<protocol::AuthReply>(header, payload);
        case FrameType::kReceipt:
            return Deliver<protocol::Receipt>(header, payload);
        case FrameType::kHealthReply:
            return Deliver<protocol::HealthReply>(header, payload);
        case FrameType::kEnrollReply:
            return Deliver<protocol::EnrollReply>(header, payload);
        case FrameType::kTokenReply:
            return Deliver<protocol::TokenReply>(header, payload);
        case FrameType::kApiReply:
            return Deliver<protocol::ApiReply>(header, payload);
        default:
            return false;
    }
}

// Deliver gives an answer to the coroutine that asked for it, unless that coroutine has stopped
// waiting. It returns false if the answer is invalid.
template <typename Reply>
bool WorkerLink::Deliver(const FrameHeader& header, const char* payload) {
    Reply reply;
    if (!protocol::DecodeWhole(payload, header.payload_bytes, &reply) || !IsAnswer(reply)) {
        return false;
    }
    const auto found = waiters_.find(header.request_id);
    if (found == waiters_.end()) return true;
    Waiter& waiter = *found->second;
    if (waiter.reply != header.type) return false;
    waiter.payload->assign(payload, header.payload_bytes);
    waiter.answered = true;
    waiter.event.Notify();
    return true;
}

uint32_t WorkerLink::NextRequestId() {
    do {
        ++last_request_id_;
    } while (last_request_id_ == 0 || waiters_.contains(last_request_id_));
    return last_request_id_;
}

Task<WorkerAnswer> WorkerLink::AwaitPayload(uint32_t request_id, FrameType reply,
                                            std::string* payload, std::chrono::seconds timeout) {
    Waiter waiter(io_);
    waiter.reply = reply;
    waiter.payload = payload;
    waiters_.emplace(request_id, &waiter);
    const auto until = std::chrono::steady_clock::now() + timeout;
    while (!waiter.answered && !refusing_ && std::chrono::steady_clock::now() < until) {
        co_await waiter.event.Wait(until);
    }
    waiters_.erase(request_id);
    if (waiter.answered) co_return WorkerAnswer::kAnswered;
    co_return refusing_ ? WorkerAnswer::kRefused : WorkerAnswer::kTimedOut;
}

Task<WorkerAnswer> WorkerLink::Push(const core::Uuid& collector_id, std::string frame,
                                    Answer<protocol::Receipt>* answer) {
    FrameHeader header;
    std::memcpy(&header, frame.data(), sizeof(header));
    header.request_id = NextRequestId();
    std::memcpy(frame.data(), &header, sizeof(header));
    if (!refusing_) writer_.EnqueuePush(collector_id, header.request_id, std::move(frame));
    const WorkerAnswer result =
        co_await Await(header.request_id, FrameType::kReceipt, answer, kAnswerTimeout);
    writer_.EndPush(header.request_id);
    co_return result;
}

void WorkerLink::RefuseWaiting() {
    refusing_ = true;
    for (const auto& [id, waiter] : waiters_) waiter->event.Notify();
}

}  // namespace pganalytics::gateway
