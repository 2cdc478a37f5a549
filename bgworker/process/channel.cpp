// Channel: one buffer to read into and one to write from.
#include "bgworker/process/channel.hpp"

extern "C" {
#include "common/hashfn.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
}

namespace pganalytics::bgworker {
namespace {

// This is large enough for dozens of pushes of 100 queries. The buffer grows for a larger frame and
// shrinks after that frame.
constexpr size_t kBufferBytes = size_t{8} << 20;
constexpr size_t kMaxUnsentBytes = size_t{16} << 20;

void Resize(Channel* channel, size_t capacity) {
    auto* const buffer = static_cast<char*>(MemoryContextAllocHuge(TopMemoryContext, capacity));
    if (channel->buffer != nullptr) {
        memcpy(buffer, channel->buffer, channel->filled);
        pfree(channel->buffer);
    }
    channel->buffer = buffer;
    channel->capacity = capacity;
}

uint64 Hash(const void* bytes, size_t size, uint64 seed) {
    return hash_bytes_extended(static_cast<const unsigned char*>(bytes), static_cast<int>(size),
                               seed);
}

// HashFile does not read the file: its inode and times change with its content, and a replacement
// that was not needed harms nobody.
uint64 HashFile(std::string_view path, uint64 seed) {
    char name[MAXPGPATH];
    struct stat file = {};
    if (path.empty() || path.size() >= sizeof(name)) return seed;
    memcpy(name, path.data(), path.size());
    name[path.size()] = '\0';
    const int failure = stat(name, &file) == 0 ? 0 : errno;
    seed = Hash(&failure, sizeof(failure), seed);
    if (failure != 0) return seed;
    const int64 facts[] = {static_cast<int64>(file.st_dev),
                           static_cast<int64>(file.st_ino),
                           static_cast<int64>(file.st_size),
                           file.st_mtim.tv_sec,
                           file.st_mtim.tv_nsec,
                           file.st_ctim.tv_sec,
                           file.st_ctim.tv_nsec};
    return Hash(facts, sizeof(facts), seed);
}

}  // namespace

void Outbox::append(const char* data, size_t size) {
    if (size_ + size > capacity_) {
        const size_t capacity = Max(capacity_ * 2, size_ + size + 4096);
        data_ =
            static_cast<char*>(data_ == nullptr ? MemoryContextAllocHuge(TopMemoryContext, capacity)
                                                : repalloc_huge(data_, capacity));
        capacity_ = capacity;
    }
    memcpy(data_ + size_, data, size);
    size_ += size;
}

void Outbox::Consume(size_t bytes) {
    size_ -= bytes;
    memmove(data_, data_ + bytes, size_);
}

void Outbox::Free() {
    if (data_ != nullptr) pfree(data_);
    *this = {};
}

void OpenChannel(Channel* channel, int fd) {
    *channel = {};
    channel->fd = fd;
    Resize(channel, kBufferBytes);
}

void CloseChannel(Channel* channel) {
    if (channel->buffer == nullptr) return;
    close(channel->fd);
    pfree(channel->buffer);
    channel->outbox.Free();
    *channel = {};
    channel->fd = -1;
}

ReadResult ReadMore(Channel* channel) {
    if (channel->filled == channel->capacity) return ReadResult::kBlocked;
    for (;;) {
        const ssize_t got = recv(channel->fd, channel->buffer + channel->filled,
                                 channel->capacity - channel->filled, MSG_DONTWAIT);
        if (got > 0) {
            channel->filled += static_cast<size_t>(got);
            return ReadResult::kMore;
        }
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return ReadResult::kBlocked;
        return ReadResult::kClosed;
    }
}

bool NextFrame(Channel* channel, Frame* frame, bool* broken) {
    *broken = false;
    const size_t available = channel->filled - channel->taken;
    if (available < sizeof(frame->header)) return false;
    // The buffer is aligned and the length of each frame is a multiple of 8, so each frame is
    // aligned to 8.
    memcpy(&frame->header, channel->buffer + channel->taken, sizeof(frame->header));
    if (!protocol::IsValidHeader(frame->header)) {
        *broken = true;
        return false;
    }
    const size_t bytes = sizeof(frame->header) + frame->header.payload_bytes;
    if (available < bytes) {
        // Resize moves the buffer, so it must not be called while a frame in the buffer is in use.
        if (channel->taken == 0 && bytes > channel->capacity) Resize(channel, bytes);
        return false;
    }
    frame->payload = channel->buffer + channel->taken + sizeof(frame->header);
    channel->taken += bytes;
    return true;
}

void Release(Channel* channel) {
    if (channel->taken == 0) return;
    channel->filled -= channel->taken;
    memmove(channel->buffer, channel->buffer + channel->taken, channel->filled);
    channel->taken = 0;
    if (channel->capacity > kBufferBytes && channel->filled <= kBufferBytes) {
        Resize(channel, kBufferBytes);
    }
}

bool Flush(Channel* channel) {
    while (channel->outbox.size() > 0) {
        const ssize_t sent = send(channel->fd, channel->outbox.data(), channel->outbox.size(),
                                  MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            channel->outbox.Consume(static_cast<size_t>(sent));
        } else if (sent < 0 && errno == EINTR) {
            continue;
        } else if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return channel->outbox.size() <= kMaxUnsentBytes;
        } else {
            // The peer is gone. ReadMore still returns the bytes that the peer sent before, and
            // then kClosed.
            channel->outbox.Free();
        }
    }
    return true;
}

uint64 HashFiles(std::string_view frame, std::initializer_list<std::string_view> files) {
    uint64 hash = Hash(frame.data(), frame.size(), 0);
    for (const std::string_view path : files) hash = HashFile(path, hash);
    return hash;
}

}  // namespace pganalytics::bgworker
