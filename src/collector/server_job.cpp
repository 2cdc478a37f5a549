// Samples one server: snapshot, plan, texts, body.
#include "collector/server_job.hpp"

#include <unistd.h>

#include <cstdio>

#include "collector/life/log.hpp"
#include "core/text.hpp"

namespace pganalytics::collector {

std::string Hostname() {
    char name[256] = "";
    if (gethostname(name, sizeof(name) - 1) != 0) return "unknown";
    return name;
}

ServerJob::ServerJob(const Config& config, const MonitoredServer& server, size_t number,
                     const core::Clock* clock, const StopSignal* stop,
                     Limiter::FirstRows first_rows)
    : server_(server),
      clock_(clock),
      stop_(stop),
      number_(number),
      head_{core::FormatUuid(config.collector_id), Hostname(), server.name},
      sampler_(&server_, config.query_texts, clock, stop),
      limiter_(config.max_queries_per_db, first_rows),
      // The epoch is microseconds since 1970 plus the number of the job. So two jobs of one
      // collector never share an idempotency key.
      epoch_(clock->Now() + core::kPostgresEpochUnixSeconds * 1000000 +
             static_cast<int64_t>(number)) {}

void ServerJob::Use(const Config& config, const MonitoredServer& server) {
    limiter_.SetLimit(config.max_queries_per_db);
    sampler_.SetTexts(config.query_texts);
    if (server == server_) return;
    server_ = server;
    sampler_.session().Close();
}

std::optional<Push> ServerJob::Sample(const Acknowledged& acknowledged) {
    core::Result<Snapshot> snapshot = sampler_.Read();
    if (stop_->raised()) return std::nullopt;
    LogState(snapshot.ok() ? "" : snapshot.error().message);
    if (!snapshot.ok()) return std::nullopt;
    LogHidden(snapshot->hidden);

    Plan plan =
        tracker_.Observe(limiter_.Observe(std::move(*snapshot)), acknowledged, clock_->Steady());
    ReadTexts(&plan);
    if (stop_->raised()) return std::nullopt;
    WritePushBody(head_, tracker_.snapshot(), plan, &json_);

    Push push;
    push.queue = number_;
    push.server = server_.name;
    push.snapshot = plan.snapshot;
    push.full = plan.full;
    push.rows = plan.rows.size();
    push.idempotency_key = std::to_string(epoch_) + ":" + std::to_string(++sequence_);
    push.body = Gzip(json_.text());
    return push;
}

void ServerJob::PrintBody() const {
    const std::string& json = json_.text();
    flockfile(stdout);
    std::fwrite(json.data(), 1, json.size(), stdout);
    std::fputc('\n', stdout);
    std::fflush(stdout);
    funlockfile(stdout);
}

void ServerJob::ReadTexts(Plan* plan) {
    const std::vector<int64_t> wanted = tracker_.WantedTexts(*plan);
    if (wanted.empty()) return;
    const core::Result<Texts> texts = sampler_.ReadTexts(wanted);
    if (texts.ok()) {
        texts_.Worked();
    } else if (!stop_->raised() && texts_.Failed(texts.error().message, clock_->Steady())) {
        Log(Level::kWarning, server_.name + ": query texts cannot be read: " +
                                 texts.error().message + "; counters are sent without them");
    }
    tracker_.AttachTexts(texts.ok() ? *texts : Texts{}, plan);
}

void ServerJob::LogState(const std::string& failure) {
    if (!failure.empty()) {
        if (sampling_.Failed(failure, clock_->Steady())) {
            Log(Level::kError, server_.name + ": cannot be read: " + failure);
        }
        return;
    }
    if (!sampling_.Worked() && !first_) return;
    first_ = false;
    const StatementsVersion version = sampler_.version();
    Log(Level::kInfo, server_.name + ": reading pg_stat_statements " +
                          std::to_string(version.major) + "." + std::to_string(version.minor));
}

void ServerJob::LogHidden(uint64_t hidden) {
    if (hidden > 0 && !hidden_) {
        Log(Level::kWarning,
            server_.name + ": " + std::to_string(hidden) +
                " statements of other roles are hidden from this role; GRANT pg_read_all_stats "
                "to it (pganalytics-collector check prints the statement)");
    }
    hidden_ = hidden > 0;
}

}  // namespace pganalytics::collector
