#include "courier/link.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace pganalytics::courier {

using core::Error;
using core::Result;

Link::Link(int fd) : fd_(fd) {}

bool Link::Fill(char* to, size_t size) {
    while (filled_ < size) {
        const ssize_t n = recv(fd_, to + filled_, size - filled_, MSG_DONTWAIT);
        if (n > 0) {
            filled_ += static_cast<size_t>(n);
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else {
            ended_ = n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
            return false;
        }
    }
    filled_ = 0;
    return true;
}

Result<std::optional<Frame>> Link::Take() {
    if (!payload_) {
        if (!Fill(reinterpret_cast<char*>(&header_), sizeof(header_)))
            return std::optional<Frame>();
        if (!protocol::IsValidHeader(header_))
            return Error{"the worker sent bytes that are no frame"};
        if (header_.payload_bytes > protocol::kMaxDeliveryBytes) {
            return Error{"the worker sent a frame that is too large"};
        }
        payload_.emplace(header_.payload_bytes);
    }
    if (!Fill(payload_->data(), payload_->size())) return std::optional<Frame>();
    Frame frame{header_, std::move(*payload_)};
    payload_.reset();
    return std::optional<Frame>(std::move(frame));
}

void Link::Flush() {
    while (!unsent_.empty()) {
        const ssize_t n = send(fd_, unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return;  // if the worker has closed the socket, Take reports that
        unsent_.erase(0, static_cast<size_t>(n));
    }
}

}  // namespace pganalytics::courier
