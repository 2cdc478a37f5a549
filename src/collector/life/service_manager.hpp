// ServiceManager: tells systemd, or another manager that speaks sd_notify(3), how the program
// fares.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "collector/life/stop.hpp"

namespace pganalytics::collector {

// ServiceManager sends datagrams to the socket that $NOTIFY_SOCKET names. Without one every
// function does nothing. For one thread.
class ServiceManager {
  public:
    // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and removes them from the environment, so
    // that no child takes itself for the service. REQUIRES: no thread has been started.
    ServiceManager();
    ~ServiceManager();
    ServiceManager(const ServiceManager&) = delete;
    ServiceManager& operator=(const ServiceManager&) = delete;

    // Each sends one state. `status` is one line for people, which `systemctl status` shows.
    void Ready(std::string_view status);
    void Reloading();
    void Stopping();

    // Ping tells that the program makes progress, or tells nothing if it makes none. If the manager
    // hears nothing for the time that it has set (WatchdogSec=), it restarts the program.
    void Ping(SteadyTime now, bool makes_progress);
    // NextPing is when to call Ping, or std::nullopt if the manager expects none.
    std::optional<SteadyTime> NextPing() const { return next_ping_; }

  private:
    void Send(const std::string& state);

    std::string address_;  // of the socket; the first byte of an abstract one is NUL
    int fd_ = -1;
    bool failed_ = false;  // the last Send
    std::chrono::microseconds period_{0};
    std::optional<SteadyTime> next_ping_;
};

}  // namespace pganalytics::collector
