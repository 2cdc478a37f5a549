#include "gateway/process/frame_writer.hpp"

#include <openssl/crypto.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "protocol/frame.hpp"

namespace pganalytics::gateway {
namespace {

bool IsApiRequest(const std::string& frame) {
    protocol::FrameHeader header;
    std::memcpy(&header, frame.data(), sizeof(header));
    return header.type == protocol::FrameType::kApiRequest;
}

}  // namespace

void FrameWriter::Start() {
    std::thread([this] { Run(); }).detach();
    running_.acquire();
}

void FrameWriter::Enqueue(std::string frame) {
    {
        const std::lock_guard lock(mutex_);
        queue_.Put(std::move(frame));
    }
    filled_.notify_one();
}

void FrameWriter::Flush(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    written_.wait_for(lock, timeout, [this] { return !writing_ && !queue_.HasControl(); });
}

void FrameWriter::EnqueuePush(const core::Uuid& collector_id, uint32_t request_id,
                              std::string frame) {
    {
        const std::lock_guard lock(mutex_);
        queue_.PutPush(collector_id, request_id, std::move(frame));
    }
    filled_.notify_one();
}

void FrameWriter::EndPush(uint32_t request_id) {
    bool waiting = false;
    {
        const std::lock_guard lock(mutex_);
        queue_.End(request_id);
        waiting = !queue_.empty();
    }
    if (waiting) filled_.notify_one();
}

void FrameWriter::Run() {
    running_.release();
    bool alive = true;
    while (true) {
        std::string frame;
        {
            std::unique_lock lock(mutex_);
            writing_ = false;
            written_.notify_one();
            filled_.wait(lock, [this, &frame] { return queue_.Take(&frame); });
            writing_ = true;
        }
        alive = alive && Write(frame);
        // The request of a person may hold a password.
        if (IsApiRequest(frame)) OPENSSL_cleanse(frame.data(), frame.size());
    }
}

bool FrameWriter::Write(const std::string& frame) const {
    size_t at = 0;
    while (at < frame.size()) {
        const ssize_t n = send(fd_, frame.data() + at, frame.size() - at, MSG_NOSIGNAL);
        if (n >= 0) {
            at += static_cast<size_t>(n);
        } else if (errno == EAGAIN) {
            pollfd writable = {fd_, POLLOUT, 0};
            poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

}  // namespace pganalytics::gateway
