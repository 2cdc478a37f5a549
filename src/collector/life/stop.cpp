// Implements StopSignal with an eventfd.
#include "collector/life/stop.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace pganalytics::collector {

StopSignal::StopSignal() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

StopSignal::~StopSignal() { close(fd_); }

void StopSignal::Raise() {
    raised_.store(true, std::memory_order_release);
    const uint64_t one = 1;
    // write fails only if the counter is full; then the descriptor is readable anyway.
    [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof(one));
}

bool StopSignal::WaitUntil(SteadyTime deadline) const {
    while (!raised()) {
        const int left_ms = MillisUntil(deadline);
        if (left_ms == 0) return true;
        pollfd waited{fd_, POLLIN, 0};
        poll(&waited, 1, left_ms);
    }
    return false;
}

int MillisUntil(SteadyTime deadline) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 3600 * 1000));
}

}  // namespace pganalytics::collector
