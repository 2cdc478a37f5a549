// Channel: frames over the worker's end of a socketpair, without blocking and without copying.
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/frame.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::bgworker {

// Frame is one whole frame in the channel's buffer; its bytes stay valid until Release.
struct Frame {
    protocol::FrameHeader header;
    const char* payload;
};

// Outbox is a buffer of palloc'ed memory for core::ByteSink.
class Outbox {
  public:
    void append(const char* data, size_t size);
    size_t size() const { return size_; }
    char* data() { return data_; }
    void Consume(size_t bytes);
    // Cut removes all bytes after the first `size`.
    void Cut(size_t size) { size_ = size; }
    void Free();

  private:
    char* data_ = nullptr;
    size_t size_ = 0;
    size_t capacity_ = 0;
};

// Channel is plain memory; zeroed, it is closed. All of it lives in TopMemoryContext.
struct Channel {
    int fd;
    char* buffer;
    size_t capacity;
    size_t filled;
    size_t taken;  // bytes of frames already given out
    Outbox outbox;
};

void OpenChannel(Channel* channel, int fd);
void CloseChannel(Channel* channel);

enum class ReadResult { kMore, kBlocked, kClosed };

// ReadMore reads bytes up to the free space of the buffer. kMore: bytes came; kBlocked: no bytes
// are there, or the buffer is full; kClosed: the peer is gone.
ReadResult ReadMore(Channel* channel);

// NextFrame takes the next whole frame. False with *broken false: it has not come yet. False with
// *broken true: the bytes are no frame, and the peer must be ended.
bool NextFrame(Channel* channel, Frame* frame, bool* broken);

// PutBack makes NextFrame return the last frame again, even after a Release.
inline void PutBack(Channel* channel, const Frame& frame) {
    channel->taken -= sizeof(frame.header) + frame.header.payload_bytes;
}

// Release frees the bytes of all frames taken so far.
void Release(Channel* channel);

// Send appends a frame to the outbox; Flush writes what the socket takes. Flush is false if the
// peer reads too little while more than 16 MiB wait; commits are not undone then. If the peer is
// gone, Flush is true: ReadMore reports that after the peer's last frames.
template <typename Message>
void Send(Channel* channel, protocol::FrameType type, uint32_t request_id, const Message& message) {
    protocol::AppendFrame(type, request_id, message, &channel->outbox);
}
bool Flush(Channel* channel);
inline bool HasUnsent(const Channel& channel) { return channel.outbox.size() > 0; }

}  // namespace pganalytics::bgworker
