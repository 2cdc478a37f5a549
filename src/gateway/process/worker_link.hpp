// WorkerLink: the socketpair to the worker as requests and answers. Everything that the worker
// sends is checked, for a worker of another version may be at the other end.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "core/result.hpp"
#include "gateway/process/frame_writer.hpp"
#include "http/asio.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::gateway {

inline constexpr std::chrono::seconds kAnswerTimeout{30};
// The longest ApiRequest: a body, and what a head may hold.
inline constexpr size_t kApiFrameBytes = protocol::kMaxApiBodyBytes + (32 << 10);

// WorkerAnswer is what became of a question to the worker.
enum class WorkerAnswer { kAnswered, kTimedOut, kRefused };

// Answer holds what the worker has answered: `message`, whose strings are views of `payload`.
template <typename Message>
struct Answer {
    Answer() = default;
    Answer(const Answer&) = delete;
    Answer& operator=(const Answer&) = delete;

    Message message;
    std::string payload;
};

class WorkerLink {
  public:
    WorkerLink(http::asio::io_context& io, int fd);

    // ReadConfig waits for the first frame, which must be kConfig, before anything else runs. The
    // config's strings live as long as the link.
    core::Result<protocol::GatewayConfig> ReadConfig();

    // SendNow writes a message before anything else runs (kReady, kFailed).
    template <typename Message>
    void SendNow(protocol::FrameType type, const Message& message) {
        std::string frame;
        protocol::AppendFrame(type, 0, message, &frame);
        WriteAll(frame);
    }

    template <typename Message>
    void Send(protocol::FrameType type, const Message& message) {
        std::string frame;
        protocol::AppendFrame(type, 0, message, &frame);
        writer_.Enqueue(std::move(frame));
    }

    // Flush waits until what Send was given is written, not longer than `timeout`.
    void Flush(std::chrono::milliseconds timeout) { writer_.Flush(timeout); }

    // StartWriter makes the thread that writes frames. REQUIRES: before the sandbox.
    void StartWriter() { writer_.Start(); }

    // ReadIdentity waits for the frame after the configuration, kIdentity, as ReadConfig does. Its
    // strings live until Start.
    core::Result<protocol::Identity> ReadIdentity();

    // Handlers of what the worker tells by itself.
    struct Handlers {
        std::function<void(const protocol::Drain&)> on_drain;
        // False if it makes no sense: the worker is then one of another version.
        std::function<bool(const protocol::Identity&)> on_identity;
        // The worker has closed its end or has sent what is no frame (the reason, "" for the
        // former).
        std::function<void(const std::string&)> on_end;
    };
    // Start reads and writes frames from now on.
    void Start(Handlers handlers);

    // Ask sends a question; *answer is set for kAnswered. `kReply` is the type of its answer, which
    // is waited for until `timeout` has passed.
    template <protocol::FrameType kReply, typename Request, typename Reply>
    http::Task<WorkerAnswer> Ask(protocol::FrameType type, const Request& request,
                                 Answer<Reply>* answer,
                                 std::chrono::seconds timeout = kAnswerTimeout) {
        const uint32_t request_id = NextRequestId();
        std::string frame;
        // One that moves while it grows would leave copies of a password.
        if constexpr (kReply == protocol::FrameType::kApiReply) frame.reserve(kApiFrameBytes);
        protocol::AppendFrame(type, request_id, request, &frame);
        if (!refusing_) writer_.Enqueue(std::move(frame));
        return Await(request_id, kReply, answer, timeout);
    }
    // Push sends the frame of a PreparedPush; *answer is set for kAnswered. After kTimedOut the
    // push may still be stored.
    http::Task<WorkerAnswer> Push(const core::Uuid& collector_id, std::string frame,
                                  Answer<protocol::Receipt>* answer);

    // RefuseWaiting ends every wait with kRefused, those that begin later too.
    void RefuseWaiting();

    uint32_t NextRequestId();

  private:
    struct Waiter {
        explicit Waiter(http::asio::io_context& io) : event(io) {}
        http::Event event;
        bool answered = false;
        protocol::FrameType reply = protocol::FrameType::kConfig;
        std::string* payload = nullptr;
    };

    void WriteAll(const std::string& bytes);
    core::Status ReadFirst(protocol::FrameType type, std::string* payload);
    http::Task<> ReadFrames();
    http::Task<WorkerAnswer> AwaitPayload(uint32_t request_id, protocol::FrameType reply,
                                          std::string* payload, std::chrono::seconds timeout);
    template <typename Reply>
    http::Task<WorkerAnswer> Await(uint32_t request_id, protocol::FrameType reply,
                                   Answer<Reply>* answer, std::chrono::seconds timeout) {
        const WorkerAnswer result =
            co_await AwaitPayload(request_id, reply, &answer->payload, timeout);
        // Dispatch has decoded it once.
        if (result == WorkerAnswer::kAnswered) {
            protocol::DecodeWhole(answer->payload.data(), answer->payload.size(), &answer->message);
        }
        co_return result;
    }
    bool Dispatch(const protocol::FrameHeader& header, const char* payload);
    template <typename Reply>
    bool Deliver(const protocol::FrameHeader& header, const char* payload);

    http::asio::io_context& io_;
    http::asio::posix::stream_descriptor descriptor_;
    FrameWriter writer_;
    std::unordered_map<uint32_t, Waiter*> waiters_;
    std::string config_payload_;
    std::string identity_payload_;
    Handlers handlers_;
    std::string failure_;
    uint32_t last_request_id_ = 0;
    bool refusing_ = false;
};

}  // namespace pganalytics::gateway
