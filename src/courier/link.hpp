// Link: frames from the worker and to it, over a socket that never makes the courier wait.
#pragma once

#include <optional>
#include <string>

#include "core/result.hpp"
#include "courier/payload.hpp"
#include "protocol/courier_messages.hpp"

namespace pganalytics::courier {

struct Frame {
    protocol::FrameHeader header;
    Payload payload;
};

class Link {
  public:
    explicit Link(int fd);

    // Take gives the next whole frame, std::nullopt while there is none. Errors: bytes that are no
    // frame, or one that is larger than a delivery. What came before the worker left is lost with
    // it: ended() is true then.
    core::Result<std::optional<Frame>> Take();
    bool ended() const { return ended_; }

    // Send keeps a frame until Flush writes it, as much as the socket takes.
    template <typename Message>
    void Send(protocol::FrameType type, uint32_t request_id, const Message& message) {
        protocol::AppendFrame(type, request_id, message, &unsent_);
        Flush();
    }
    void Flush();
    bool has_unsent() const { return !unsent_.empty(); }

  private:
    // Fill reads up to `size` bytes behind those there are. True if all are there.
    bool Fill(char* to, size_t size);

    const int fd_;
    protocol::FrameHeader header_ = {};
    std::optional<Payload> payload_;  // of the frame whose header is whole
    size_t filled_ = 0;               // of the header, or of the payload
    bool ended_ = false;
    std::string unsent_;
};

}  // namespace pganalytics::courier
