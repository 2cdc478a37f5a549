// Reads pg_stat_statements: its schema, its counters, its texts.
#include "collector/sources/sampler.hpp"

#include "redact/sql_masker.hpp"

namespace pganalytics::collector {
namespace {

constexpr const char* kDiscoverSql =
    "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4,"
    " e.extversion, pg_catalog.quote_ident(n.nspname)"
    " FROM (SELECT 1) one"
    " LEFT JOIN (pg_catalog.pg_extension e"
    " JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace)"
    " ON e.extname OPERATOR(pg_catalog.=) 'pg_stat_statements'";

StatementKey KeyAt(const PgResult& result, int row) {
    return {static_cast<int64_t>(result.Word(row, 2)), result.Int4(row, 0), result.Int4(row, 1),
            result.Bool(row, 3)};
}

// NameTable stores equal names once and returns their index.
class NameTable {
  public:
    explicit NameTable(std::vector<std::string>* names) : names_(names) {}

    uint32_t IndexOf(std::string_view name) {
        const auto [entry, is_new] =
            indexes_.try_emplace(std::string(name), static_cast<uint32_t>(names_->size()));
        if (is_new) names_->emplace_back(name);
        return entry->second;
    }

  private:
    std::vector<std::string>* names_;
    std::unordered_map<std::string, uint32_t> indexes_;
};

constexpr int kReadTries = 3;

bool IsEncodingError(const std::string& sqlstate) {
    return sqlstate == "22021" || sqlstate == "22P05";
}

}  // namespace

core::Status Sampler::Connect() {
    if (session_.connected()) return core::Unit{};
    discovered_ = false;
    return session_.Connect(*server_);
}

core::Status Sampler::Discover() {
    if (discovered_) return core::Unit{};
    const auto found = session_.Query(kDiscoverSql);
    if (!found.ok()) return found.error();
    server_version_ = found->Int4(0, 0);
    if (found->IsNull(0, 1)) {
        return core::Error{
            "pg_stat_statements is not installed in the database of this conninfo; as a superuser "
            "run there: CREATE EXTENSION pg_stat_statements"};
    }
    const auto version = ParseStatementsVersion(found->Bytes(0, 1));
    if (!version.ok()) return version.error();
    version_ = *version;
    schema_ = found->Bytes(0, 2);
    counters_query_ = MakeCountersQuery(version_, schema_);
    info_query_ = MakeInfoQuery(version_, schema_);
    texts_query_ = MakeTextsQuery(version_, schema_);
    discovered_ = true;
    return core::Unit{};
}

// Explain returns the session's error, with the remedy if an administrator can fix the cause.
core::Error Sampler::Explain() const {
    const PgError& error = session_.error();
    if (error.sqlstate == "55000") {
        return {error.message +
                "; set shared_preload_libraries = 'pg_stat_statements' in postgresql.conf and "
                "restart the server"};
    }
    if (error.sqlstate == "42501") {
        const std::string user = session_.QuotedUser();
        return {error.message + "; run: GRANT USAGE ON SCHEMA " + schema_ + " TO " + user +
                "; GRANT EXECUTE ON FUNCTION " + schema_ + ".pg_stat_statements(boolean) TO " +
                user};
    }
    if (IsEncodingError(error.sqlstate)) {
        // pg_stat_statements converts all texts to the encoding of the current database. It fails
        // at the first text that cannot be converted.
        return {error.message +
                "; one text does not fit the encoding of the database of this conninfo; to read "
                "all texts connect to a database with encoding SQL_ASCII, after CREATE EXTENSION "
                "pg_stat_statements there"};
    }
    if (error.sqlstate == "57014") return {error.message + "; the limit is 5 s"};
    return {error.message};
}

core::Result<Snapshot> Sampler::Read() {
    if (auto status = Connect(); !status.ok()) return status.error();
    if (auto status = Discover(); !status.ok()) return status.error();
    StatementsInfo info = ReadInfo();
    for (int tries = 1;; ++tries) {
        // Read the clock before the query. Then an entry that this snapshot lacks began after
        // sampled_at, and the next push can say so.
        const core::TimestampMicros sampled_at = clock_->Now();
        const auto result = session_.Query(counters_query_.sql);
        if (!result.ok()) {
            // Somebody may have moved or updated the extension since Discover: the next sample
            // looks it up again.
            discovered_ = false;
            return Explain();
        }
        const StatementsInfo after = ReadInfo();
        // stats_reset must belong to these counters. If it changed during the query, query again,
        // at most kReadTries times. If resets come even faster, a reset shows only in counters that
        // have fallen.
        if (after.stats_reset != info.stats_reset && tries < kReadTries) {
            info = after;
            continue;
        }
        Snapshot snapshot = Decode(*result, sampled_at);
        const uint64_t statements = snapshot.info.statements;
        snapshot.info = after;
        snapshot.info.statements = statements;
        return snapshot;
    }
}

// ReadInfo returns what it can read. A failure is no error, because the counters are worth sending
// even without this information.
StatementsInfo Sampler::ReadInfo() {
    StatementsInfo info;
    const auto row = session_.Query(info_query_);
    if (!row.ok() || row->rows() != 1) return info;
    if (!row->IsNull(0, 0)) info.dealloc = static_cast<int64_t>(row->Word(0, 0));
    if (!row->IsNull(0, 1)) info.stats_reset = static_cast<int64_t>(row->Word(0, 1));
    if (!row->IsNull(0, 2)) info.max = static_cast<int64_t>(row->Word(0, 2));
    return info;
}

Snapshot Sampler::Decode(const PgResult& result, core::TimestampMicros sampled_at) const {
    Snapshot snapshot;
    snapshot.sampled_at = sampled_at;
    snapshot.has_toplevel = version_ >= kTopLevelSince;
    snapshot.server_version = server_version_;
    snapshot.info.statements = static_cast<uint64_t>(result.rows());
    const auto rows = static_cast<size_t>(result.rows());
    const size_t stride = Snapshot::Stride();
    snapshot.statements.reserve(rows);
    snapshot.counters.reserve(rows * stride);
    NameTable names(&snapshot.names);
    for (int row = 0; row < result.rows(); ++row) {
        if (result.IsNull(row, 2)) {  // NULL queryid: our role may not see this statement
            ++snapshot.hidden;
            continue;
        }
        // The role or database was dropped: nobody can run the statement any more.
        if (result.IsNull(row, 4) || result.IsNull(row, 5)) continue;
        snapshot.statements.push_back({KeyAt(result, row), names.IndexOf(result.Bytes(row, 4)),
                                       names.IndexOf(result.Bytes(row, 5))});
        const size_t base = snapshot.counters.size();
        snapshot.counters.resize(base + stride, 0);
        for (size_t i = 0; i < counters_query_.columns.size(); ++i) {
            snapshot.counters[base + counters_query_.columns[i] - protocol::kFirstCounter] =
                result.Word(row, kFirstCounterField + static_cast<int>(i));
        }
    }
    return snapshot;
}

// Prepared returns a text as it is sent.
std::string Sampler::Prepared(std::string_view text) const {
    if (texts_ == QueryTexts::kAsSent) return std::string(text);
    std::string masked;
    masked.reserve(text.size());
    redact::MaskSql(text, [&masked](std::string_view piece) { masked += piece; });
    return masked;
}

core::Result<Texts> Sampler::ReadTexts(std::span<const int64_t> queryids) {
    if (texts_ == QueryTexts::kNone) return Texts{};
    const std::vector<std::string> parameters = {QueryIdArray(queryids)};
    auto result = session_.Query(texts_query_, parameters);
    if (!result.ok() && IsEncodingError(session_.error().sqlstate)) {
        // A text cannot be converted to UTF-8: its database has another encoding, or none
        // (SQL_ASCII). Receive the bytes as they are; the JSON writer replaces those that are not
        // UTF-8.
        if (session_.SetClientEncoding("SQL_ASCII")) {
            result = session_.Query(texts_query_, parameters);
        }
        if (session_.connected()) session_.SetClientEncoding("UTF8");
    }
    if (!result.ok()) return Explain();
    Texts texts;
    size_t bytes = 0;
    for (int row = 0; row < result->rows(); ++row) {
        const std::string_view text = result->Bytes(row, 4);
        bytes += text.size();
        if (bytes > kMaxTextBytes) break;
        texts.emplace(KeyAt(*result, row), Prepared(text));
    }
    return texts;
}

}  // namespace pganalytics::collector
