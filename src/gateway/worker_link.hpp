// WorkerLink: the socketpair to the worker as requests and answers. Everything that the worker
// sends is checked, for a worker of another version may be at the other end.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "core/result.hpp"
#include "gateway/frame_writer.hpp"
#include "http/asio.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::gateway {

// WorkerAnswer is what became of a question to the worker.
enum class WorkerAnswer { kAnswered, kTimedOut, kRefused };

// AuthAnswer, ReceiptAnswer and HealthAnswer own what the messages only view.
struct AuthAnswer {
    protocol::AuthReply reply;
    std::string message;
};
struct ReceiptAnswer {
    protocol::Receipt receipt;
    std::string message;
    std::string detail;
};

struct HealthAnswer {
    protocol::HealthReply reply;
    std::string body;
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

    // StartWriter makes the thread that writes frames. REQUIRES: before the sandbox.
    void StartWriter() { writer_.Start(); }

    // Start reads and writes frames from now on. `on_drain` is called for kDrain; `on_end` when the
    // worker has closed its end or has sent what is no frame (the reason, "" for the former).
    void Start(std::function<void(const protocol::Drain&)> on_drain,
               std::function<void(const std::string&)> on_end);

    // Authenticate asks who sends a request; *answer is set for kAnswered.
    http::Task<WorkerAnswer> Authenticate(const protocol::Credential& credential,
                                          AuthAnswer* answer);
    // Push sends the frame of a PreparedPush; *answer is set for kAnswered. After kTimedOut the
    // push may still be stored.
    http::Task<WorkerAnswer> Push(const core::Uuid& collector_id, std::string frame,
                                  ReceiptAnswer* answer);
    // Health asks for a collector's figures; *answer is set for kAnswered.
    http::Task<WorkerAnswer> Health(const protocol::HealthRequest& request, HealthAnswer* answer);

    // RefuseWaiting ends every wait with kRefused, those that begin later too.
    void RefuseWaiting();

    uint32_t NextRequestId();

  private:
    struct Waiter {
        explicit Waiter(http::asio::io_context& io) : event(io) {}
        http::Event event;
        bool answered = false;
        AuthAnswer* auth = nullptr;
        ReceiptAnswer* receipt = nullptr;
        HealthAnswer* health = nullptr;
    };

    void WriteAll(const std::string& bytes);
    http::Task<> ReadFrames();
    http::Task<WorkerAnswer> Wait(uint32_t request_id, Waiter& waiter);
    bool Dispatch(const protocol::FrameHeader& header, const char* payload);
    bool Deliver(uint32_t request_id, const protocol::AuthReply& reply);
    bool Deliver(uint32_t request_id, const protocol::Receipt& receipt);
    bool Deliver(uint32_t request_id, const protocol::HealthReply& reply);

    http::asio::io_context& io_;
    http::asio::posix::stream_descriptor descriptor_;
    FrameWriter writer_;
    std::unordered_map<uint32_t, Waiter*> waiters_;
    std::string config_payload_;
    std::function<void(const protocol::Drain&)> on_drain_;
    std::string failure_;
    uint32_t last_request_id_ = 0;
    bool refusing_ = false;
};

}  // namespace pganalytics::gateway
