// Link: frames from and to the worker, over a socket that never blocks the courier.
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

    // Take returns the next whole frame, or std::nullopt if none has arrived. Errors: bytes that
    // are no frame, or a frame larger than any delivery may be. After the worker has closed the
    // socket, ended() is true and an incomplete frame is lost.
    core::Result<std::optional<Frame>> Take();
    bool ended() const { return ended_; }

    // Send queues a frame and calls Flush, which writes as much as the socket takes.
    template <typename Message>
    void Send(protocol::FrameType type, uint32_t request_id, const Message& message) {
        protocol::AppendFrame(type, request_id, message, &unsent_);
        Flush();
    }
    void Flush();
    bool has_unsent() const { return !unsent_.empty(); }

  private:
    // Fill reads what has arrived, until `to` has `size` bytes. It returns true once all bytes are
    // there. Until then it returns false, and the next call continues.
    bool Fill(char* to, size_t size);

    const int fd_;
    protocol::FrameHeader header_ = {};
    std::optional<Payload> payload_;  // set once the header is complete
    size_t filled_ = 0;               // bytes read of the header, or of the payload
    bool ended_ = false;
    std::string unsent_;
};

}  // namespace pganalytics::courier
