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
    // `index` is the server's place in the configuration. first_rows is passed to the Limiter.
    // REQUIRES: all pointers outlive the job.
    ServerJob(const Config* config, size_t index, const core::Clock* clock, const StopSignal* stop,
              Limiter::FirstRows first_rows = Limiter::FirstRows::kBases);

    // Sample reads a snapshot and makes the next push from it. It logs each change of the server's
    // state once (down, up again, statements hidden, texts unreadable). Returns std::nullopt if the
    // snapshot could not be read or the program stops.
    std::optional<Push> Sample(const Acknowledged& acknowledged);

    // json is the body of the newest push, uncompressed.
    const std::string& json() const { return json_.text(); }

  private:
    void LogState(const std::string& failure);
    void LogHidden(uint64_t hidden);
    void ReadTexts(Plan* plan);

    const MonitoredServer* server_;
    const core::Clock* clock_;
    const StopSignal* stop_;
    size_t index_;
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
