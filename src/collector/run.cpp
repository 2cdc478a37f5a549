// The commands run and once. Run has a thread for each monitored server and one that pushes.
#include "collector/run.hpp"

#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <random>
#include <thread>

#include "collector/enrol/keeper.hpp"
#include "collector/life/log.hpp"
#include "collector/push/outbox.hpp"
#include "collector/push/push_log.hpp"
#include "collector/server_job.hpp"
#include "core/text.hpp"

namespace pganalytics::collector {
namespace {

// kExitTimeout is how long Run waits for its threads after a stop request. Then the process ends,
// even if a thread still hangs (for example in the resolver).
constexpr std::chrono::milliseconds kExitTimeout{1700};

double RandomFraction() {
    static thread_local std::mt19937_64 generator{std::random_device{}()};
    return std::uniform_real_distribution<double>(0, 1)(generator);
}

// PrintBody writes a body as one line. It locks stdout, so no other thread writes into the line.
void PrintBody(const std::string& json) {
    flockfile(stdout);
    std::fwrite(json.data(), 1, json.size(), stdout);
    std::fputc('\n', stdout);
    std::fflush(stdout);
    funlockfile(stdout);
}

// Service is the state that the threads of Run share.
class Service {
  public:
    Service(const Config& config, bool dry_run, const StopSignal& stop)
        : config_(config),
          dry_run_(dry_run),
          stop_(stop),
          outbox_(config.servers.size(), kMaxPendingBytes) {}

    int Run() {
        const size_t threads = config_.servers.size() + 1;
        for (size_t i = 0; i < config_.servers.size(); ++i) {
            std::thread([this, i] { Leave([this, i] { SampleLoop(i); }); }).detach();
        }
        std::thread([this] { Leave([this] { PushLoop(); }); }).detach();
        while (stop_.WaitUntil(std::chrono::steady_clock::now() + std::chrono::hours(1))) {
        }
        std::unique_lock lock(mutex_);
        changed_.notify_all();
        const bool all = changed_.wait_for(lock, kExitTimeout, [&] { return left_ == threads; });
        if (outbox_.pending() > 0) {
            Log(Level::kWarning, std::to_string(outbox_.pending()) +
                                     " pushes had not been stored; after the start a full one "
                                     "carries their totals");
        }
        Log(Level::kInfo, "stopped");
        // If a thread hangs, do not return: that would destroy objects which the thread still uses.
        if (!all) std::_Exit(EXIT_SUCCESS);
        return EXIT_SUCCESS;
    }

  private:
    template <typename Body>
    void Leave(Body body) {
        body();
        const std::lock_guard lock(mutex_);
        ++left_;
        changed_.notify_all();
    }

    void SampleLoop(size_t server) {
        const core::SystemClock clock;
        ServerJob job(&config_, server, &clock, &stop_);
        const SteadyTime first = clock.Steady() + StartDelay(config_, server);
        SteadyTime slot = first;
        while (stop_.WaitUntil(slot)) {
            std::optional<Push> push = job.Sample(TakeAcknowledged(server));
            if (push && dry_run_) {
                PrintBody(job.json());
                printed_[server] = push->snapshot;
            } else if (push) {
                AddToOutbox(std::move(*push));
            }
            slot = NextSlot(first, config_.interval, clock.Steady());
        }
    }

    // TakeAcknowledged returns the outcome of a server's pushes. In a dry run every printed push
    // counts as stored.
    Acknowledged TakeAcknowledged(size_t server) {
        if (dry_run_) return {printed_[server], false};
        const std::lock_guard lock(mutex_);
        return outbox_.TakeAcknowledged(server);
    }

    void AddToOutbox(Push push) {
        size_t dropped = 0;
        {
            const std::lock_guard lock(mutex_);
            dropped = outbox_.Add(std::move(push));
            changed_.notify_all();
        }
        if (dropped == 0) return;
        dropped_ += dropped;
        Log(Level::kWarning, std::to_string(dropped) +
                                 " oldest pushes dropped to stay within 64 MB of waiting ones, " +
                                 std::to_string(dropped_) +
                                 " since the start; the newest carries the totals");
    }

    void PushLoop() {
        if (dry_run_) return;
        const core::SystemClock clock;
        HttpsClient client(&stop_);
        Keeper keeper(&config_, &clock, [&client](const Link& link, const Request& request) {
            return client.Send(link, request);
        });
        PushLog log(&config_);
        while (!stop_.raised()) {
            if (keeper.Tend(RandomFraction())) {
                const std::lock_guard lock(mutex_);
                outbox_.RetryNow();
            }
            const std::shared_ptr<const Push> push = TakePush();
            if (push == nullptr) continue;
            const Answer answer =
                client.Send(keeper.link(), PushRequest(push->body, push->idempotency_key));
            if (const auto version = TrustVersion(answer)) keeper.SawTrustVersion(*version);
            const Verdict verdict = Judge(answer.status);
            if (verdict == Verdict::kStored || !stop_.raised()) {
                log.Report(*push, answer, std::chrono::steady_clock::now());
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

    // TakePush waits until a push is due. It returns nullptr if none becomes due within
    // kKeeperRound, or if the program stops. The wait is short because the caller runs the keeper
    // between two calls: the keeper must look for a new certificate even while a denied push waits
    // for half a minute.
    std::shared_ptr<const Push> TakePush() {
        std::unique_lock lock(mutex_);
        const auto now = std::chrono::steady_clock::now();
        if (stop_.raised()) return nullptr;
        if (auto push = outbox_.Take(now)) return push;
        changed_.wait_until(lock, std::min(outbox_.NextDue(), now + kKeeperRound));
        return stop_.raised() ? nullptr : outbox_.Take(std::chrono::steady_clock::now());
    }

    const Config& config_;
    const bool dry_run_;
    const StopSignal& stop_;
    std::mutex mutex_;  // guards outbox_, left_
    std::condition_variable changed_;
    Outbox outbox_;
    size_t left_ = 0;
    std::atomic<uint64_t> dropped_{0};
    std::vector<uint64_t> printed_ = std::vector<uint64_t>(config_.servers.size());
};

// PushUntil retries one push until the server stores, refuses or denies it, the deadline has
// passed, or the program stops. Returns true if the push was stored.
bool PushUntil(SteadyTime deadline, const Push& push, Keeper* keeper, HttpsClient* client,
               PushLog* log, const StopSignal& stop) {
    const Request request = PushRequest(push.body, push.idempotency_key);
    for (int failures = 1;; ++failures) {
        const Answer answer = client->Send(keeper->link(), request);
        if (const auto version = TrustVersion(answer)) keeper->SawTrustVersion(*version);
        log->Report(push, answer, std::chrono::steady_clock::now());
        const Verdict verdict = Judge(answer.status);
        if (verdict != Verdict::kRetry) return verdict == Verdict::kStored;
        const SteadyTime again = std::chrono::steady_clock::now() +
                                 BackoffDelay(failures, answer.retry_after, RandomFraction());
        if (again > deadline || !stop.WaitUntil(again)) return false;
    }
}

}  // namespace

std::chrono::milliseconds StartDelay(const Config& config, size_t server) {
    const double share =
        Spread(core::FormatUuid(config.collector_id) + config.servers[server].name);
    const auto longest = std::min(config.interval, std::chrono::milliseconds(10000));
    return std::chrono::milliseconds(
        static_cast<int64_t>(static_cast<double>(longest.count()) * share));
}

int Run(const Config& config, bool dry_run, const StopSignal& stop) {
    Log(Level::kInfo, "pganalytics-collector " PGANALYTICS_VERSION " started: " +
                          std::to_string(config.servers.size()) + " servers every " +
                          std::to_string(config.interval.count()) + " ms" +
                          (dry_run ? ", dry run" : " to " + config.url));
    return Service(config, dry_run, stop).Run();
}

int Once(const Config& config, bool dry_run, const StopSignal& stop) {
    const core::SystemClock clock;
    const SteadyTime deadline = clock.Steady() + kOnceTimeout;
    HttpsClient client(&stop);
    Keeper keeper(&config, &clock, [&client](const Link& link, const Request& request) {
        return client.Send(link, request);
    });
    PushLog log(&config);
    if (!dry_run) keeper.Tend(RandomFraction());
    bool good = true;
    for (size_t i = 0; i < config.servers.size() && !stop.raised(); ++i) {
        ServerJob job(&config, i, &clock, &stop, Limiter::FirstRows::kCounts);
        const std::optional<Push> push = job.Sample({});
        if (!push) {
            good = false;
        } else if (dry_run) {
            PrintBody(job.json());
        } else {
            good &= PushUntil(deadline, *push, &keeper, &client, &log, stop);
        }
    }
    if (!dry_run && !stop.raised()) keeper.Tend(RandomFraction());
    return good && !stop.raised() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace pganalytics::collector
