// Sampler: reads snapshots and texts from one monitored server; connects if necessary.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "collector/life/config.hpp"
#include "collector/sources/pg_session.hpp"
#include "collector/sources/snapshot.hpp"
#include "collector/sources/statements_query.hpp"
#include "core/clock.hpp"

namespace pganalytics::collector {

// Texts maps statements to their texts, as they are sent.
using Texts = std::unordered_map<StatementKey, std::string, StatementKeyHash>;

// kMaxTextBytes limits the texts that one push carries; later pushes carry the rest.
inline constexpr size_t kMaxTextBytes = 8 * 1024 * 1024;

class Sampler {
  public:
    // REQUIRES: server, clock and stop outlive the sampler.
    Sampler(const MonitoredServer* server, QueryTexts texts, const core::Clock* clock,
            const StopSignal* stop)
        : server_(server), texts_(texts), clock_(clock), session_(stop) {}

    // Read returns all statements without their texts. The error says what is missing and, if
    // known, the SQL or the setting that fixes it.
    core::Result<Snapshot> Read();

    // ReadTexts returns the texts of the statements that have one of these queryids, up to
    // kMaxTextBytes in all; none if the configuration says so. Constants in them are masked unless
    // the configuration says otherwise: pg_stat_statements stores texts of utility statements, and
    // some others, as they were typed. ReadTexts fails if any text in pg_stat_statements is invalid
    // in the encoding of the database, even if that text was not asked for.
    core::Result<Texts> ReadTexts(std::span<const int64_t> queryids);

    // SetTexts changes how texts are read, from the next ReadTexts on.
    void SetTexts(QueryTexts texts) { texts_ = texts; }

    // session is connected after a successful Read; the command check uses it for its own queries.
    PgSession& session() { return session_; }
    core::Status Connect();
    StatementsVersion version() const { return version_; }

  private:
    core::Status Discover();
    core::Error Explain() const;
    Snapshot Decode(const PgResult& result, core::TimestampMicros sampled_at) const;
    StatementsInfo ReadInfo();

    std::string Prepared(std::string_view text) const;

    const MonitoredServer* server_;
    QueryTexts texts_;
    const core::Clock* clock_;
    PgSession session_;
    bool discovered_ = false;
    uint32_t server_version_ = 0;
    StatementsVersion version_;
    std::string schema_;  // quoted
    CountersQuery counters_query_;
    std::string info_query_;
    std::string texts_query_;
};

}  // namespace pganalytics::collector
