// Service: the threads of the command run. Each monitored server has one, and one more pushes.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "collector/life/config.hpp"
#include "collector/life/stop.hpp"
#include "collector/push/outbox.hpp"
#include "collector/steps.hpp"

namespace pganalytics::collector {

// Service samples and pushes until `stop` is raised. Its threads are detached, so that one that
// hangs (for example in the resolver) does not keep the process alive. All public functions are for
// one thread.
class Service {
  public:
    // REQUIRES: `stop` outlives the Service and its threads.
    Service(Config config, bool dry_run, const StopSignal& stop);

    void Start();

    // Reload goes on with another configuration. Pushes that wait stay. A server whose name and
    // conninfo are as before keeps its thread and what it knows; any other begins as at a start.
    // Returns what has changed, for the log. Error: a key differs that only a start can change.
    core::Result<std::string> Reload(Config config);

    // Leave waits for the threads, for at most kExitTimeout. Returns false if one hangs: then the
    // Service must not be destroyed. REQUIRES: `stop` is raised.
    bool Leave();

    // steps has the current step of each thread.
    const Steps& steps() const { return steps_; }

  private:
    // Job is one ServerJob with its thread. Its number, the index into jobs_, is that of its queue.
    struct Job {
        std::optional<MonitoredServer> server;  // empty: the thread ends
        uint64_t printed = 0;                   // dry run: the last snapshot
    };

    // What a job's thread needs for its next sample.
    struct Turn {
        std::shared_ptr<const Config> config;
        MonitoredServer server;
        uint64_t generation = 0;
    };

    void StartJobs();
    template <typename Body>
    void StartThread(Body body);
    void SampleLoop(size_t number);
    std::optional<Turn> WaitTurn(size_t number, SteadyTime due, uint64_t generation);
    Acknowledged TakeAcknowledged(size_t number);
    void AddToOutbox(size_t number, Push push);
    void PushLoop();
    std::shared_ptr<const Push> TakePush();
    std::shared_ptr<const Config> CurrentConfig();

    const bool dry_run_;
    const StopSignal& stop_;
    Steps steps_;
    std::mutex mutex_;                 // guards all members below
    std::condition_variable changed_;  // the outbox, the configuration, threads_
    std::condition_variable turns_;    // the configuration; jobs wait for it
    std::shared_ptr<const Config> config_;
    uint64_t generation_ = 0;  // how often config_ was set
    std::deque<Job> jobs_;     // also those that have ended: their pushes may still wait
    Outbox outbox_;
    size_t threads_ = 0;
    uint64_t dropped_ = 0;
};

// StartDelay is the delay before the first sample, from 0 to 10 s and at most one interval. It
// spreads collectors that start at the same time. It depends only on the ids of collector and
// server, so a restart does not change it.
std::chrono::milliseconds StartDelay(const Config& config, const MonitoredServer& server);

}  // namespace pganalytics::collector
