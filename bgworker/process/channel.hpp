// Channel: frames over the worker's end of a socketpair, without blocking and without copying.
#pragma once

#include <initializer_list>

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

// Channel is plain memory; a zeroed channel is closed. Its buffers live in TopMemoryContext.
struct Channel {
    int fd;
    char* buffer;
    size_t capacity;
    size_t filled;
    size_t taken;  // bytes of the frames that NextFrame has returned
    Outbox outbox;
};

void OpenChannel(Channel* channel, int fd);
void CloseChannel(Channel* channel);

enum class ReadResult { kMore, kBlocked, kClosed };

// ReadMore reads bytes into the free space of the buffer. kMore: it has read some; kBlocked: no
// bytes have arrived, or the buffer is full; kClosed: the peer is gone.
ReadResult ReadMore(Channel* channel);

// NextFrame takes the next whole frame from the buffer. If it returns false and *broken is false,
// the frame has not arrived completely. If *broken is true, the bytes are no frame, and the caller
// must end the peer.
bool NextFrame(Channel* channel, Frame* frame, bool* broken);

// PutBack makes NextFrame return `frame` once more. `frame` must be the one that NextFrame returned
// last. The next Release then does not free it. REQUIRES: Release was not called since NextFrame
// returned the frame.
inline void PutBack(Channel* channel, const Frame& frame) {
    channel->taken -= sizeof(frame.header) + frame.header.payload_bytes;
}

// Release frees the bytes of all frames that NextFrame has returned.
void Release(Channel* channel);

// Send appends a frame to the outbox. Flush writes as much of the outbox as the socket takes. It
// returns false if more than 16 MiB stay unsent because the peer reads too little. If the peer is
// gone, Flush returns true: ReadMore reports that after the peer's last frames.
template <typename Message>
void Send(Channel* channel, protocol::FrameType type, uint32_t request_id, const Message& message) {
    protocol::AppendFrame(type, request_id, message, &channel->outbox);
}
bool Flush(Channel* channel);

// HashFiles returns a hash of a frame, and of each file with its size and the time of its last
// change. An empty path names no file.
uint64 HashFiles(std::string_view frame, std::initializer_list<std::string_view> files);

// FingerprintOf returns a hash of what a program is given: the frame with its configuration, and
// the files that the frame names. A running program needs a successor only if its fingerprint
// changes.
template <typename Message>
uint64 FingerprintOf(protocol::FrameType type, const Message& message,
                     std::initializer_list<std::string_view> files) {
    Outbox frame;
    protocol::AppendFrame(type, 0, message, &frame);
    const uint64 hash = HashFiles({frame.data(), frame.size()}, files);
    frame.Free();
    return hash;
}

inline bool HasUnsent(const Channel& channel) { return channel.outbox.size() > 0; }

}  // namespace pganalytics::bgworker
