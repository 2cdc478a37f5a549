// The commands run and once.
#include "collector/run.hpp"

#include <cstdlib>

#include "collector/enrol/keeper.hpp"
#include "collector/life/log.hpp"
#include "collector/push/push_log.hpp"
#include "collector/server_job.hpp"
#include "collector/service.hpp"

namespace pganalytics::collector {
namespace {

std::string Summary(const Config& config) {
    const size_t servers = config.servers.size();
    return std::to_string(servers) + (servers == 1 ? " server" : " servers") + " every " +
           std::to_string(config.interval.count()) + " ms";
}

// Reload returns a line for people: what the service does from now on.
std::string Reload(const LoadAgain& load, Service* service) {
    const auto refuse = [](const std::string& why) -> std::string {
        Log(Level::kError, "configuration not reloaded, the one before stays: " + why);
        return "the configuration cannot be used, the one before stays: see the log";
    };
    core::Result<Config> config = load();
    if (!config) return refuse(config.error().message);
    const std::string summary = Summary(*config);
    const std::vector<std::string> warnings = config->warnings;
    const core::Result<std::string> changes = service->Reload(*std::move(config));
    if (!changes) return refuse(changes.error().message);
    for (const std::string& warning : warnings) Log(Level::kWarning, warning);
    Log(Level::kInfo, "configuration reloaded: " + summary + *changes);
    return summary;
}

// PushUntil retries one push until the server stores, refuses or denies it, the deadline has
// passed, or the program stops. Returns true if the push was stored.
bool PushUntil(SteadyTime deadline, const Push& push, Keeper* keeper, HttpsClient* client,
               PushLog* log, const StopSignal& stop) {
    const Request request = PushRequest(push.body, push.idempotency_key);
    for (int failures = 1;; ++failures) {
        const Answer answer = client->Send(keeper->link(), request);
        if (const auto version = TrustVersion(answer)) keeper->SawTrustVersion(*version);
        log->Report(push, keeper->link().url, answer, std::chrono::steady_clock::now());
        const Verdict verdict = Judge(answer.status);
        if (verdict != Verdict::kRetry) return verdict == Verdict::kStored;
        const SteadyTime again = std::chrono::steady_clock::now() +
                                 BackoffDelay(failures, answer.retry_after, RandomFraction());
        if (again > deadline || !stop.WaitUntil(again)) return false;
    }
}

}  // namespace

int Run(Config config, const LoadAgain& load, const ReloadSignal& reload, ServiceManager* manager,
        bool dry_run, const StopSignal& stop) {
    const std::string summary = Summary(config);
    Log(Level::kInfo, "pganalytics-collector " PGANALYTICS_VERSION " started: " + summary +
                          (dry_run ? ", dry run" : " to " + config.url));
    Service service(std::move(config), dry_run, stop);
    service.Start();
    manager->Ready(summary);
    ReloadSignal::Woken woken{};
    while ((woken = reload.Wait(stop, manager->NextPing())) != ReloadSignal::Woken::kStop) {
        if (woken == ReloadSignal::Woken::kReload) {
            manager->Reloading();
            manager->Ready(Reload(load, &service));
        } else {
            const SteadyTime now = std::chrono::steady_clock::now();
            manager->Ping(now, service.steps().AllMoveOn(now));
        }
    }
    manager->Stopping();
    const bool all = service.Leave();
    Log(Level::kInfo, "stopped");
    // If a thread hangs, do not return: that would destroy objects which the thread still uses.
    if (!all) std::_Exit(EXIT_SUCCESS);
    return EXIT_SUCCESS;
}

int Once(const Config& config, bool dry_run, const StopSignal& stop) {
    const core::SystemClock clock;
    const SteadyTime deadline = clock.Steady() + kOnceTimeout;
    HttpsClient client(&stop);
    Keeper keeper(config, &clock, [&client](const Link& link, const Request& request) {
        return client.Send(link, request);
    });
    PushLog log;
    if (!dry_run) keeper.Tend(RandomFraction());
    bool good = true;
    for (size_t i = 0; i < config.servers.size() && !stop.raised(); ++i) {
        ServerJob job(config, config.servers[i], i, &clock, &stop, Limiter::FirstRows::kCounts);
        const std::optional<Push> push = job.Sample({});
        if (!push) {
            good = false;
        } else if (dry_run) {
            job.PrintBody();
        } else {
            good &= PushUntil(deadline, *push, &keeper, &client, &log, stop);
        }
    }
    if (!dry_run && !stop.raised()) keeper.Tend(RandomFraction());
    return good && !stop.raised() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace pganalytics::collector
