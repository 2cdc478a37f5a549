// ServerJob: turns the pg_stat_statements of one monitored server into the bytes of pushes.
#pragma once

#include <optional>
#include <string>

#include "collector/life/config.hpp"
#include "collector/life/trouble.hpp"
#include "collector/push/outbox.hpp"
#include "collector/push/push_body.hpp"
#include "collector/sources/sampler.hpp"
#include "collector/statements/limiter.hpp"
#include "collector/statements/tracker.hpp"
#include "core/json_writer.hpp"

namespace pganalytics::collector {

// Hostname is the name of this machine, as gethostname gives it.
std::string Hostname();

class ServerJob {
  public:
    // `number` differs from that of every other job of this process. first_rows is passed to the
    // Limiter. REQUIRES: `clock` and `stop` outlive the job.
    ServerJob(const Config& config, const MonitoredServer& server, size_t number,
              const core::Clock* clock, const StopSignal* stop,
              Limiter::FirstRows first_rows = Limiter::FirstRows::kBases);
    ServerJob(const ServerJob&) = delete;
    ServerJob& operator=(const ServerJob&) = delete;

    // Use takes over a changed configuration, from the next sample on. It connects again if
    // password_file is another one. REQUIRES: name and conninfo are as before.
    void Use(const Config& config, const MonitoredServer& server);

    // Sample reads a snapshot and makes the next push from it. It logs each change of the server's
    // state once (down, up again, statements hidden, texts unreadable). Returns std::nullopt if the
    // snapshot could not be read or the program stops.
    std::optional<Push> Sample(const Acknowledged& acknowledged);

    // PrintBody writes the body of the newest push to stdout as one line. It locks stdout, so no
    // other thread writes into the line.
    void PrintBody() const;

  private:
    void LogState(const std::string& failure);
    void LogHidden(uint64_t hidden);
    void ReadTexts(Plan* plan);

    MonitoredServer server_;
    const core::Clock* clock_;
    const StopSignal* stop_;
    size_t number_;
    PushHead head_;
    Sampler sampler_;
    Limiter limiter_;
    Tracker tracker_;
    core::JsonWriter json_;
    int64_t epoch_;
    uint64_t sequence_ = 0;
    bool first_ = true;
    Trouble sampling_;
    Trouble texts_;
    bool hidden_ = false;
};

}  // namespace pganalytics::collector
