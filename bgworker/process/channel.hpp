// Channel: frames over the worker's end of a socketpair, without blocking and without copying.
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/frame.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::bgworker {

// Frame is one whole frame in the channel's buffer; the bytes stay until Release.
struct Frame {
    protocol::FrameHeader header;
    const char* payload;
};

// Outbox is a container of bytes for core::ByteSink over palloc'ed memory.
class Outbox {
  public:
    void append(const char* data, size_t size);
    size_t size() const { return size_; }
    char* data() { return data_; }
    void Consume(size_t bytes);
    // Cut takes back what was appended behind the first `size` bytes.
    void Cut(size_t size) { size_ = size; }
    void Free();

  private:
    char* data_ = nullptr;
    size_t size_ = 0;
    size_t capacity_ = 0;
};

// Channel is plain memory: zeroed is closed. All of it lives in TopMemoryContext.
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

// ReadMore reads what has come, up to the room in the buffer. kMore: bytes came; kBlocked: none
// waits; kClosed: the gateway is gone.
ReadResult ReadMore(Channel* channel);

// NextFrame takes the next whole frame. False with *broken false: not here yet; with *broken true:
// the stream is no longer one of frames, and the gateway must go.
bool NextFrame(Channel* channel, Frame* frame, bool* broken);

// PutBack makes NextFrame give the frame again that it gave last, after a Release too.
inline void PutBack(Channel* channel, const Frame& frame) {
    channel->taken -= sizeof(frame.header) + frame.header.payload_bytes;
}

// Release gives the bytes of all frames taken so far back to the buffer.
void Release(Channel* channel);

// Send appends a frame to the outbox; Flush writes what the socket takes. Flush is false if the
// gateway takes nothing while megabytes wait: commits stay, nothing is undone. That a gateway is
// gone is for ReadMore to say, after its last words.
template <typename Message>
void Send(Channel* channel, protocol::FrameType type, uint32_t request_id, const Message& message) {
    protocol::AppendFrame(type, request_id, message, &channel->outbox);
}
bool Flush(Channel* channel);
inline bool HasUnsent(const Channel& channel) { return channel.outbox.size() > 0; }

}  // namespace pganalytics::bgworker
