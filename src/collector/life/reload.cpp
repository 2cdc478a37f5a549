// Implements ReloadSignal with an eventfd.
#include "collector/life/reload.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace pganalytics::collector {

ReloadSignal::ReloadSignal() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

ReloadSignal::~ReloadSignal() { close(fd_); }

void ReloadSignal::Raise() {
    const uint64_t one = 1;
    // write fails only if the counter is full; then the descriptor is readable anyway.
    [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof(one));
}

ReloadSignal::Woken ReloadSignal::Wait(const StopSignal& stop,
                                       std::optional<SteadyTime> deadline) const {
    while (!stop.raised()) {
        const int left_ms = deadline ? MillisUntil(*deadline) : -1;
        if (left_ms == 0) return Woken::kDeadline;
        pollfd waited[] = {{fd_, POLLIN, 0}, {stop.fd(), POLLIN, 0}};
        if (poll(waited, 2, left_ms) <= 0) continue;
        uint64_t requests = 0;
        if (!stop.raised() && read(fd_, &requests, sizeof(requests)) > 0) return Woken::kReload;
    }
    return Woken::kStop;
}

}  // namespace pganalytics::collector
