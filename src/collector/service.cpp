#include "collector/service.hpp"

#include <algorithm>
#include <thread>

#include "collector/enrol/keeper.hpp"
#include "collector/life/log.hpp"
#include "collector/push/push_log.hpp"
#include "collector/server_job.hpp"
#include "core/text.hpp"

namespace pganalytics::collector {
namespace {

// kExitTimeout is how long Leave waits for the threads. Then the process ends, even if one still
// hangs.
constexpr std::chrono::milliseconds kExitTimeout{1700};

const MonitoredServer* Find(const Config& config, const std::string& name) {
    for (const MonitoredServer& server : config.servers) {
        if (server.name == name) return &server;
    }
    return nullptr;
}

void AddName(std::string* list, const char* title, const std::string& name) {
    *list += list->empty() ? title : ", ";
    *list += name;
}

// Changes names the servers that differ, such as "; new: a, b; removed: c; changed: d".
std::string Changes(const Config& before, const Config& after) {
    std::string added, removed, changed;
    for (const MonitoredServer& server : after.servers) {
        const MonitoredServer* old = Find(before, server.name);
        if (old == nullptr) AddName(&added, "; new: ", server.name);
        if (old != nullptr && !(*old == server)) AddName(&changed, "; changed: ", server.name);
    }
    for (const MonitoredServer& server : before.servers) {
        if (Find(after, server.name) == nullptr) AddName(&removed, "; removed: ", server.name);
    }
    return added + removed + changed;
}

}  // namespace

std::chrono::milliseconds StartDelay(const Config& config, const MonitoredServer& server) {
    const double share = Spread(core::FormatUuid(config.collector_id) + server.name);
    const auto longest = std::min(config.interval, std::chrono::milliseconds(10000));
    return std::chrono::milliseconds(
        static_cast<int64_t>(static_cast<double>(longest.count()) * share));
}

Service::Service(Config config, bool dry_run, const StopSignal& stop)
    : dry_run_(dry_run),
      stop_(stop),
      config_(std::make_shared<const Config>(std::move(config))),
      generation_(1),
      outbox_(kMaxPendingBytes) {}

void Service::Start() {
    const std::lock_guard lock(mutex_);
    StartJobs();
    if (!dry_run_) StartThread([this] { PushLoop(); });
}

core::Result<std::string> Service::Reload(Config config) {
    const std::lock_guard lock(mutex_);
    const char* fixed = !(config.collector_id == config_->collector_id) ? "collector_id"
                        : config.state_dir != config_->state_dir        ? "state_dir"
                                                                        : nullptr;
    if (fixed != nullptr) {
        return core::Error{std::string(fixed) + " is another one: start the collector again"};
    }
    std::string changes = Changes(*config_, config);
    config_ = std::make_shared<const Config>(std::move(config));
    ++generation_;
    for (Job& job : jobs_) {
        if (!job.server) continue;
        const MonitoredServer* server = Find(*config_, job.server->name);
        // Another conninfo may lead to another server, so nothing known of the old one counts.
        const bool same = server != nullptr && server->conninfo == job.server->conninfo;
        job.server = same ? std::optional(*server) : std::nullopt;
    }
    StartJobs();
    changed_.notify_all();
    turns_.notify_all();
    return changes;
}

bool Service::Leave() {
    std::unique_lock lock(mutex_);
    changed_.notify_all();
    turns_.notify_all();
    const bool all = changed_.wait_for(lock, kExitTimeout, [&] { return threads_ == 0; });
    if (outbox_.pending() > 0) {
        Log(Level::kWarning, std::to_string(outbox_.pending()) +
                                 " pushes had not been stored; after the start a full one "
                                 "carries their totals");
    }
    return all;
}

// StartJobs starts a job for each server that has none. REQUIRES: mutex_ is held.
void Service::StartJobs() {
    for (const MonitoredServer& server : config_->servers) {
        const bool has_one = std::any_of(jobs_.begin(), jobs_.end(), [&](const Job& job) {
            return job.server && job.server->name == server.name;
        });
        if (has_one) continue;
        const size_t number = jobs_.size();
        jobs_.push_back({server, 0});
        StartThread([this, number] { SampleLoop(number); });
    }
}

// StartThread runs `body` in a thread. REQUIRES: mutex_ is held.
template <typename Body>
void Service::StartThread(Body body) {
    ++threads_;
    std::thread([this, body] {
        body();
        const std::lock_guard lock(mutex_);
        --threads_;
        changed_.notify_all();
    }).detach();
}

void Service::SampleLoop(size_t number) {
    const core::SystemClock clock;
    std::optional<ServerJob> job;
    std::chrono::milliseconds interval{0};
    uint64_t generation = 0;
    SteadyTime first;
    SteadyTime due;
    while (const std::optional<Turn> turn = WaitTurn(number, due, generation)) {
        const Config& config = *turn->config;
        if (!job) {
            job.emplace(config, turn->server, number, &clock, &stop_);
        } else if (generation != turn->generation) {
            job->Use(config, turn->server);
        }
        generation = turn->generation;
        if (interval != config.interval) {
            interval = config.interval;
            due = first = clock.Steady() + StartDelay(config, turn->server);
        }
        if (clock.Steady() < due) continue;  // woken by a new configuration
        const Steps::Step step(&steps_, clock.Steady());
        std::optional<Push> push = job->Sample(TakeAcknowledged(number));
        if (push && dry_run_) {
            job->PrintBody();
            const std::lock_guard lock(mutex_);
            jobs_[number].printed = push->snapshot;
        } else if (push) {
            AddToOutbox(number, std::move(*push));
        }
        due = NextSlot(first, interval, clock.Steady());
    }
}

// WaitTurn waits until `due`, or until the configuration is a newer one than `generation`. It
// returns std::nullopt if the job has to end.
std::optional<Service::Turn> Service::WaitTurn(size_t number, SteadyTime due, uint64_t generation) {
    std::unique_lock lock(mutex_);
    turns_.wait_until(lock, due, [&] { return stop_.raised() || generation_ != generation; });
    const std::optional<MonitoredServer>& server = jobs_[number].server;
    if (stop_.raised() || !server) return std::nullopt;
    return Turn{config_, *server, generation_};
}

// TakeAcknowledged returns the outcome of a job's pushes. In a dry run every printed push counts as
// stored.
Acknowledged Service::TakeAcknowledged(size_t number) {
    const std::lock_guard lock(mutex_);
    if (dry_run_) return {jobs_[number].printed, false};
    return outbox_.TakeAcknowledged(number);
}

void Service::AddToOutbox(size_t number, Push push) {
    const std::lock_guard lock(mutex_);
    // The server was removed while its sample was read: another job may push for its name now.
    if (!jobs_[number].server) return;
    const size_t dropped = outbox_.Add(std::move(push));
    changed_.notify_all();
    if (dropped == 0) return;
    dropped_ += dropped;
    Log(Level::kWarning,
        std::to_string(dropped) + " oldest pushes dropped to stay within 64 MB of waiting ones, " +
            std::to_string(dropped_) + " since the start; the newest carries the totals");
}

void Service::PushLoop() {
    const core::SystemClock clock;
    HttpsClient client(&stop_);
    std::shared_ptr<const Config> config = CurrentConfig();
    Keeper keeper(*config, &clock, [&client](const Link& link, const Request& request) {
        return client.Send(link, request);
    });
    PushLog log;
    while (!stop_.raised()) {
        const std::shared_ptr<const Config> current = CurrentConfig();
        const bool reloaded = current != config;
        if (reloaded) keeper.Use(*current);
        config = current;
        {
            const Steps::Step step(&steps_, clock.Steady());
            if (keeper.Tend(RandomFraction()) || reloaded) {
                const std::lock_guard lock(mutex_);
                outbox_.RetryNow();
            }
        }
        const std::shared_ptr<const Push> push = TakePush();
        if (push == nullptr) continue;
        const Steps::Step step(&steps_, clock.Steady());
        const Answer answer =
            client.Send(keeper.link(), PushRequest(push->body, push->idempotency_key));
        if (const auto version = TrustVersion(answer)) keeper.SawTrustVersion(*version);
        const Verdict verdict = Judge(answer.status);
        if (verdict == Verdict::kDenied) keeper.SawDenial();
        if (verdict == Verdict::kStored || !stop_.raised()) {
            log.Report(*push, keeper.link().url, answer, std::chrono::steady_clock::now());
        }
        const std::lock_guard lock(mutex_);
        switch (verdict) {
            case Verdict::kStored:
                outbox_.Stored();
                break;
            case Verdict::kRefused:
                outbox_.Refused();
                break;
            case Verdict::kDenied:
                outbox_.Failed(std::chrono::steady_clock::now(),
                               std::max(answer.retry_after, kDeniedDelay), RandomFraction());
                break;
            case Verdict::kRetry:
                outbox_.Failed(std::chrono::steady_clock::now(), answer.retry_after,
                               RandomFraction());
        }
    }
}

// TakePush waits until a push is due. It returns nullptr if none becomes due within kKeeperRound,
// if the configuration changed, or if the program stops. The wait is short because the caller runs
// the keeper between two calls: the keeper must look for a new certificate even while a denied push
// waits for half a minute.
std::shared_ptr<const Push> Service::TakePush() {
    std::unique_lock lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (stop_.raised()) return nullptr;
    if (auto push = outbox_.Take(now)) return push;
    const uint64_t generation = generation_;
    changed_.wait_until(lock, std::min(outbox_.NextDue(), now + kKeeperRound));
    if (stop_.raised() || generation_ != generation) return nullptr;
    return outbox_.Take(std::chrono::steady_clock::now());
}

std::shared_ptr<const Config> Service::CurrentConfig() {
    const std::lock_guard lock(mutex_);
    return config_;
}

}  // namespace pganalytics::collector
