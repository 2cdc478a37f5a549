#include "gateway/frame_writer.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <thread>
#include <utility>

namespace pganalytics::gateway {

void FrameWriter::Start() {
    std::thread([this] { Run(); }).detach();
    running_.acquire();
}

void FrameWriter::Enqueue(std::string frame) {
    {
        const std::lock_guard lock(mutex_);
        frames_.push_back(std::move(frame));
    }
    filled_.notify_one();
}

void FrameWriter::Run() {
    running_.release();
    bool alive = true;
    while (true) {
        std::string frame;
        {
            std::unique_lock lock(mutex_);
            filled_.wait(lock, [this] { return !frames_.empty(); });
            frame = std::move(frames_.front());
            frames_.pop_front();
        }
        alive = alive && Write(frame);
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
