// WorkerLink: requests and answers over the socketpair to the worker. It checks everything that the
// worker sends, because the worker may be of another version.
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
// The size of the longest ApiRequest frame: a body and the largest head.
inline constexpr size_t kApiFrameBytes = protocol::kMaxApiBodyBytes + (32 << 10);

// WorkerAnswer is the outcome of a request to the worker.
enum class WorkerAnswer { kAnswered, kTimedOut, kRefused };

// Answer holds the worker's answer. The strings in `message` are views of `payload`.
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

    // ReadConfig waits for the first frame, which must be kConfig. Call it before anything else
    // runs. The config's strings live as long as the link.
    core::Result<protocol::GatewayConfig> ReadConfig();

    // SendNow writes a message itself, without the writer's thread. It is for kReady and kFailed.
    // REQUIRES: nothing was given to Send, Ask or Push yet.
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

    // Flush waits until everything that was given to Send is written, but not longer than
    // `timeout`.
    void Flush(std::chrono::milliseconds timeout) { writer_.Flush(timeout); }

    // StartWriter starts the thread that writes frames. REQUIRES: the sandbox is not in force yet.
    void StartWriter() { writer_.Start(); }

    // ReadIdentity waits for the next frame, which must be kIdentity. Call it after ReadConfig and
    // before anything else runs. The identity's strings live until Start.
    core::Result<protocol::Identity> ReadIdentity();

    // Handlers are called for frames that are not answers to a request.
    struct Handlers {
        std::function<void(const protocol::Drain&)> on_drain;
        // on_identity returns false if the content is invalid, which means that the worker is of
        // another version.
        std::function<bool(const protocol::Identity&)> on_identity;
        // on_end is called when the link has ended. Its argument is "" if the worker has closed its
        // end. Otherwise it says what went wrong, such as an invalid frame.
        std::function<void(const std::string&)> on_end;
    };
    // Start begins to read frames and to call the handlers.
    void Start(Handlers handlers);

    // Ask sends a request and waits up to `timeout` for its answer, a frame of type `kReply`. If
    // it returns kAnswered, *answer is set.
    template <protocol::FrameType kReply, typename Request, typename Reply>
    http::Task<WorkerAnswer> Ask(protocol::FrameType type, const Request& request,
                                 Answer<Reply>* answer,
                                 std::chrono::seconds timeout = kAnswerTimeout) {
        const uint32_t request_id = NextRequestId();
        std::string frame;
        // Reserve the memory first: a frame that moves while it grows would leave copies of a
        // password.
        if constexpr (kReply == protocol::FrameType::kApiReply) frame.reserve(kApiFrameBytes);
        protocol::AppendFrame(type, request_id, request, &frame);
        if (!refusing_) writer_.Enqueue(std::move(frame));
        return Await(request_id, kReply, answer, timeout);
    }
    // Push sends the frame of a PreparedPush and waits for its receipt. If it returns kAnswered,
    // *answer is set. After kTimedOut or kRefused the worker may still store the push.
    http::Task<WorkerAnswer> Push(const core::Uuid& collector_id, std::string frame,
                                  Answer<protocol::Receipt>* answer);

    // RefuseWaiting ends every wait for an answer with kRefused. From then on each new request
    // returns kRefused at once.
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
        // Deliver has decoded the payload once already, so decoding succeeds.
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
