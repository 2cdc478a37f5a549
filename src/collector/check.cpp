// Tests the configuration, pganalytics and every monitored server, and reports what is missing.
#include "collector/check.hpp"

#include <cstdio>
#include <cstdlib>

#include "collector/life/clock_skew.hpp"
#include "collector/push/https_client.hpp"
#include "collector/push/push_body.hpp"
#include "collector/server_job.hpp"
#include "collector/sources/sampler.hpp"
#include "core/text.hpp"

namespace pganalytics::collector {
namespace {

class Checker {
  public:
    Checker(const Config& config, const StopSignal& stop) : config_(config), stop_(stop) {}

    bool good() const { return good_; }

    void Ok(const std::string& text) { Line("OK   ", text); }
    void Warn(const std::string& text) { Line("WARN ", text); }
    void Fail(const std::string& text) {
        good_ = false;
        Line("FAIL ", text);
    }

    void Analytics() {
        HttpsClient client(&stop_);
        const Link link = MakeLink(config_, config_.state.identity, config_.state.server);
        Own();
        const Answer health = client.Send(link, AliveRequest());
        if (health.status == 0) {
            Fail("pganalytics at " + config_.url + ": " + health.error + Cure(health, link));
            return;
        }
        Ok("pganalytics at " + config_.url + ": TLS, server verified by " + VerifiedBy(link));
        if (health.clock_ahead) Clock("pganalytics", *health.clock_ahead);
        if (health.status == 200) {
            Ok("pganalytics: healthy");
        } else if (health.status != 404) {
            Fail("pganalytics: not healthy: " + Describe(health));
        }
        core::JsonWriter json;
        const core::TimestampMicros now = core::SystemClock().Now();
        WriteEmptyBody(
            {core::FormatUuid(config_.collector_id), Hostname(), config_.servers.front().name}, 0,
            now, &json);
        const Answer push =
            client.Send(link, PushRequest(Gzip(json.text()), std::to_string(now) + ":0"));
        if (push.status == 200) {
            Ok("pganalytics: " + Shown() + " accepted, an empty push was stored");
        } else if (push.status == 401 || push.status == 403) {
            Fail("pganalytics: " + Shown() + " refused: " + Describe(push) +
                 (config_.state.identity ? collector::Advice(push)
                                         : "; compare collector_id and token with "
                                           "pganalytics.create_collector()"));
        } else {
            Fail("pganalytics: an empty push was not stored: " + Describe(push) +
                 collector::Advice(push));
        }
    }

    void Postgres(const MonitoredServer& server) {
        const core::SystemClock clock;
        Sampler sampler(&server, config_.query_texts, &clock, &stop_);
        const std::string name = server.name + ": ";
        if (const auto status = sampler.Connect(); !status.ok()) {
            Fail(name + "cannot connect: " + status.error().message);
            return;
        }
        Role(name, &sampler.session());
        const auto snapshot = sampler.Read();
        if (!snapshot.ok()) {
            Fail(name + snapshot.error().message);
            return;
        }
        const StatementsVersion version = sampler.version();
        Ok(name + "pg_stat_statements " + std::to_string(version.major) + "." +
           std::to_string(version.minor) + ", " + std::to_string(snapshot->statements.size()) +
           " statements read");
        if (snapshot->hidden > 0) {
            Warn(name + std::to_string(snapshot->hidden) +
                 " statements of other roles are hidden, see the role above");
        }
        TextsOf(name, *snapshot, &sampler);
        Settings(name, &sampler.session());
        ClockOf(server.name, &sampler.session());
    }

  private:
    // Clock compares this host's clock with another one.
    void Clock(const std::string& whose, std::chrono::seconds ahead) {
        const auto distance = std::chrono::abs(ahead);
        if (distance >= kLargeSkew) {
            Fail(whose + ": " + SkewText(ahead, whose) +
                 "; samples carry this host's time, so they count for a wrong time");
        } else if (distance >= kSmallSkew) {
            Warn(whose + ": " + SkewText(ahead, whose));
        } else {
            Ok(whose + ": its clock and this host's agree within " +
               std::to_string(kSmallSkew.count()) + " s");
        }
    }

    void ClockOf(const std::string& server, PgSession* session) {
        const core::TimestampMicros before = core::SystemClock().Now();
        const auto theirs = session->Query("SELECT pg_catalog.clock_timestamp()");
        if (!theirs.ok()) {
            Fail(server + ": " + theirs.error().message);
            return;
        }
        const core::TimestampMicros ours = before + (core::SystemClock().Now() - before) / 2;
        Clock(server,
              std::chrono::seconds((ours - static_cast<int64_t>(theirs->Word(0, 0))) / 1000000));
    }

    static void Line(const char* verdict, const std::string& text) {
        std::string line = verdict + text;
        for (char& c : line) {
            if (static_cast<unsigned char>(c) < 0x20) c = ' ';
        }
        std::puts(line.c_str());
        std::fflush(stdout);
    }

    // Own reports on the collector's own certificate.
    void Own() {
        if (!config_.state.identity) return;
        const Identity& identity = *config_.state.identity;
        const core::TimestampMicros now = core::SystemClock().Now();
        const std::string line = "certificate " + identity.serial + " of collector " +
                                 core::FormatUuid(identity.collector_id) + ", good until " +
                                 core::FormatTimestamp(identity.not_after);
        const core::TimestampMicros renewal = RenewAt(identity) / 1000000 * 1000000;
        if (now < identity.not_before) {
            Fail(line + ": it begins only at " + core::FormatTimestamp(identity.not_before) +
                 " and this host's clock says " + core::FormatTimestamp(now - now % 1000000) +
                 "; is the clock wrong? " + kClockRemedy);
        } else if (now >= identity.not_after) {
            Fail(line +
                 ": it has expired; enrol again with a new token: pganalytics-collector "
                 "enroll");
        } else if (IsRenewalDue(identity, now)) {
            Warn(line + ": it was to be renewed from " + core::FormatTimestamp(renewal) +
                 ", which run and once do");
        } else {
            Ok(line + ", renews itself from " + core::FormatTimestamp(renewal));
        }
    }

    std::string Shown() const {
        if (!config_.state.identity) return "token";
        return config_.token.empty() ? "certificate" : "certificate and token";
    }

    static std::string Cure(const Answer& answer, const Link& link) {
        if (answer.why != NoAnswer::kServerUnverified) return collector::Advice(answer);
        return "; set server.ca_file or server.pin (now: verified by " + VerifiedBy(link) + ")";
    }

    void Role(const std::string& name, PgSession* session) {
        const auto row = session->Query(
            "SELECT pg_catalog.current_setting('server_version'), current_user::pg_catalog.text,"
            " pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),"
            " pg_catalog.quote_ident(current_user), pg_catalog.current_database()::pg_catalog.text,"
            " r.rolsuper FROM pg_catalog.pg_roles r"
            " WHERE r.rolname OPERATOR(pg_catalog.=) current_user");
        if (!row.ok()) {
            Fail(name + row.error().message);
            return;
        }
        const std::string role(row->Bytes(0, 1));
        Ok(name + "connected to PostgreSQL " + std::string(row->Bytes(0, 0)) + ", database " +
           std::string(row->Bytes(0, 4)) + ", as " + role);
        if (!row->Bool(0, 2)) {
            Fail(name + "role " + role +
                 " does not see the statements of others; run: GRANT pg_read_all_stats TO " +
                 std::string(row->Bytes(0, 3)) + ";");
        } else if (row->Bool(0, 5)) {
            Warn(name + "role " + role +
                 " is a superuser; a role with pg_read_all_stats is enough");
        } else {
            Ok(name + "role " + role + " sees the statements of all roles");
        }
    }

    void TextsOf(const std::string& name, const Snapshot& snapshot, Sampler* sampler) {
        std::vector<int64_t> ids;
        for (const Statement& statement : snapshot.statements) {
            ids.push_back(statement.key.queryid);
        }
        const auto texts = sampler->ReadTexts(ids);
        if (!texts.ok()) {
            Fail(name + "query texts cannot be read: " + texts.error().message);
            return;
        }
        Ok(name + std::to_string(texts->size()) + " query texts read");
    }

    // Setting reads one setting; "" if the server does not know it.
    std::string Setting(const std::string& setting, PgSession* session) {
        const auto row = session->Query(
            "SELECT pg_catalog.current_setting($1::pg_catalog.text, true)", {setting});
        return row.ok() && row->rows() == 1 ? std::string(row->Bytes(0, 0)) : "";
    }

    void Settings(const std::string& name, PgSession* session) {
        if (Setting("pg_stat_statements.track", session) == "none") {
            Fail(name +
                 "pg_stat_statements.track is none; set pg_stat_statements.track = 'top' in "
                 "postgresql.conf and reload");
        } else {
            Ok(name + "pg_stat_statements.track is " +
               Setting("pg_stat_statements.track", session));
        }
        if (Setting("compute_query_id", session) == "off") {
            Fail(name +
                 "compute_query_id is off; set compute_query_id = 'auto' in postgresql.conf "
                 "and reload");
        }
        if (Setting("track_io_timing", session) == "off") {
            Warn(name +
                 "track_io_timing is off: block times stay zero; set track_io_timing = on "
                 "and reload");
        }
    }

    const Config& config_;
    const StopSignal& stop_;
    bool good_ = true;
};

}  // namespace

int Check(const Config& config, const std::string& config_path, const StopSignal& stop) {
    Checker checker(config, stop);
    const size_t servers = config.servers.size();
    checker.Ok("configuration " + config_path + ": " + std::to_string(servers) +
               (servers == 1 ? " server" : " servers") + ", every " +
               std::to_string(config.interval.count()) + " ms");
    for (const std::string& warning : config.warnings) checker.Warn(warning);
    checker.Analytics();
    for (const MonitoredServer& server : config.servers) {
        if (!stop.raised()) checker.Postgres(server);
    }
    return checker.good() && !stop.raised() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace pganalytics::collector
