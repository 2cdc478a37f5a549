// Speaks the protocol of sd_notify(3): lines KEY=VALUE in one datagram.
#include "collector/life/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "collector/life/log.hpp"
#include "core/text.hpp"

namespace pganalytics::collector {
namespace {

// TakeVariable reads an environment variable and removes it.
std::string TakeVariable(const char* name) {
    const char* found = std::getenv(name);
    std::string value = found == nullptr ? "" : found;
    unsetenv(name);
    return value;
}

}  // namespace

ServiceManager::ServiceManager() : address_(TakeVariable("NOTIFY_SOCKET")) {
    const std::string limit = TakeVariable("WATCHDOG_USEC");
    const std::string watched = TakeVariable("WATCHDOG_PID");
    if (address_.empty()) return;
    if (address_[0] == '@') address_[0] = '\0';
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool ours = watched.empty() || watched == std::to_string(getpid());
    if (!ours) return;
    // Two pings in the manager's limit, as sd_watchdog_enabled(3) recommends.
    period_ = std::chrono::microseconds(std::strtoll(limit.c_str(), nullptr, 10) / 2);
    if (period_.count() > 0) next_ping_ = std::chrono::steady_clock::now();
}

ServiceManager::~ServiceManager() {
    if (fd_ >= 0) close(fd_);
}

void ServiceManager::Ready(std::string_view status) {
    Send("READY=1\nSTATUS=" + std::string(status));
}

void ServiceManager::Reloading() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const auto now_us = std::chrono::duration_cast<std::chrono::microseconds>(now);
    Send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now_us.count()));
}

void ServiceManager::Stopping() { Send("STOPPING=1"); }

void ServiceManager::Ping(SteadyTime now, bool makes_progress) {
    next_ping_ = now + period_;
    if (makes_progress) return Send("WATCHDOG=1");
    Log(Level::kError, "a thread hangs: the service manager is going to restart the program");
}

void ServiceManager::Send(const std::string& state) {
    if (address_.empty()) return;
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    bool sent = false;
    if (address_.size() < sizeof(to.sun_path)) {
        std::memcpy(to.sun_path, address_.data(), address_.size());
        const size_t length = offsetof(sockaddr_un, sun_path) + address_.size();
        sent = sendto(fd_, state.data(), state.size(), MSG_NOSIGNAL,
                      reinterpret_cast<const sockaddr*>(&to),
                      static_cast<socklen_t>(length)) == static_cast<ssize_t>(state.size());
    }
    // Try again at the next state: a ping that is missing for good would end a good program.
    if (!sent && !failed_) {
        Log(Level::kWarning,
            "the service manager cannot be told of the state: nothing takes messages at the socket "
            "that NOTIFY_SOCKET names");
    }
    failed_ = !sent;
}

}  // namespace pganalytics::collector
