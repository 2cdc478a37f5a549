// GUC: definitions of the settings, in alphabetical order, and their checks.
#include "pg/guc.hpp"

#include <limits.h>

namespace pganalytics::pg {

Settings settings;

namespace {

constexpr config_enum_entry kIngestPaths[] = {
    {"auto", static_cast<int>(IngestPath::kAuto), false},
    {"direct", static_cast<int>(IngestPath::kDirect), false},
    {"copy", static_cast<int>(IngestPath::kCopy), false},
    {"spi", static_cast<int>(IngestPath::kSpi), false},
    {nullptr, 0, false},
};

bool CheckDatabase(char** value, void**, GucSource) noexcept {
    if (**value != '\0' && strlen(*value) < NAMEDATALEN) return true;
    GUC_check_errdetail("A database name has 1 to %d bytes.", NAMEDATALEN - 1);
    GUC_check_errhint("Name the database in which CREATE EXTENSION pganalytics is or will be run.");
    return false;
}

bool CheckListenAddresses(char** value, void**, GucSource) noexcept {
    int count = 0;
    if (SplitAddresses(*value, [&count](const char*) { return ++count <= kMaxListenAddresses; })) {
        return true;
    }
    GUC_check_errdetail("The list has an empty or overlong entry, or more than %d entries.",
                        kMaxListenAddresses);
    GUC_check_errhint("Use host names or addresses separated by commas, or '*' for every address.");
    return false;
}

bool CheckCopiedPath(char** value, void**, GucSource) noexcept {
    if (strlen(*value) < MAXPGPATH) return true;
    GUC_check_errdetail("The path is longer than %d bytes.", MAXPGPATH - 1);
    GUC_check_errhint("Use a path relative to the data directory.");
    return false;
}

void DefineInt(const char* name, const char* description, int* variable, int value, int min,
               int max, GucContext context, int flags = 0) {
    DefineCustomIntVariable(name, description, nullptr, variable, value, min, max, context, flags,
                            nullptr, nullptr, nullptr);
}

void DefineString(const char* name, const char* description, char** variable, const char* value,
                  GucContext context, GucStringCheckHook check) {
    DefineCustomStringVariable(name, description, nullptr, variable, value, context, 0, check,
                               nullptr, nullptr);
}

}  // namespace

void DefineSettings() {
    const GucContext at_start =
        process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP;

    DefineInt("pganalytics.batch_size", "Pushes that share one commit, at most.",
              &settings.batch_size, 50, 1, 1000, PGC_SIGHUP);
    DefineInt("pganalytics.connection_lifetime",
              "Time after which a collector's connection is asked to begin anew.",
              &settings.connection_lifetime_s, 300, 1, 86400, PGC_SIGHUP, GUC_UNIT_S);
    DefineInt("pganalytics.connection_timeout",
              "Time for a TLS handshake and for the head of a request.",
              &settings.connection_timeout_ms, 5000, 100, 600000, PGC_SIGHUP, GUC_UNIT_MS);
    DefineString("pganalytics.database", "Database whose pganalytics extension serves the port.",
                 &settings.database, "postgres", at_start, CheckDatabase);
    DefineInt("pganalytics.dedup_window", "Time for which a repeated push is recognised.",
              &settings.dedup_window_min, 7 * 24 * 60, 60, 8 * 24 * 60, PGC_SIGHUP, GUC_UNIT_MIN);
    DefineCustomEnumVariable("pganalytics.ingest_path", "How rows are inserted.",
                             "\"auto\" chooses by what the table is.", &settings.ingest_path,
                             static_cast<int>(IngestPath::kAuto), kIngestPaths, PGC_SIGHUP, 0,
                             nullptr, nullptr, nullptr);
    DefineInt("pganalytics.ingest_workers", "Number of ingest workers, each with a gateway.",
              &settings.ingest_workers, 2, 1, kMaxIngestWorkers, at_start);
    DefineString("pganalytics.listen_addresses",
                 "Host names or addresses on which the collectors' port is opened.",
                 &settings.listen_addresses, "localhost", at_start, CheckListenAddresses);
    DefineInt("pganalytics.max_body_size", "Largest request body, as sent and inflated.",
              &settings.max_body_size_kb, 64 * 1024, 64, 128 * 1024, PGC_SIGHUP, GUC_UNIT_KB);
    DefineInt("pganalytics.max_connections", "Collectors' connections for each ingest worker.",
              &settings.max_connections, 200, 1, 100000, PGC_SIGHUP);
    DefineInt("pganalytics.max_idle_connections",
              "Idle connections kept open for each ingest worker.", &settings.max_idle_connections,
              50, 0, 100000, PGC_SIGHUP);
    DefineInt("pganalytics.max_queries_per_db",
              "Queries of one database kept from one sample; the rest is merged.",
              &settings.max_queries_per_db, 1000, 1, 100000, PGC_SIGHUP);
    DefineInt("pganalytics.port", "TCP port for collectors.", &settings.port, 8443, 1, 65535,
              at_start);
    DefineCustomRealVariable(
        "pganalytics.query_limit_alert_threshold",
        "Share of the queries of a database beyond the limit above which an alert is raised.",
        nullptr, &settings.query_limit_alert_threshold, 0.05, 0.0, 1.0, PGC_SIGHUP, 0, nullptr,
        nullptr, nullptr);
    DefineInt("pganalytics.retention_ledger",
              "Days for which the accounts of pushes are kept; at least dedup_window.",
              &settings.retention_ledger_days, 8, 8, 3650, PGC_SIGHUP);
    DefineInt("pganalytics.retention_logs", "Days for which log lines are kept.",
              &settings.retention_logs_days, 7, 1, 3650, PGC_SIGHUP);
    DefineInt("pganalytics.retention_metrics",
              "Days for which metrics other than query samples and logs are kept.",
              &settings.retention_metrics_days, 14, 1, 3650, PGC_SIGHUP);
    DefineInt("pganalytics.retention_query_samples", "Days for which query samples are kept.",
              &settings.retention_query_samples_days, 30, 1, 3650, PGC_SIGHUP);
    DefineString("pganalytics.ssl_ca_file",
                 "Certificates that sign collectors' certificates; empty: none are asked for.",
                 &settings.ssl_ca_file, "", PGC_SIGHUP, CheckCopiedPath);
    DefineString("pganalytics.ssl_cert_file",
                 "Server certificate; empty: one is made in the data directory.",
                 &settings.ssl_cert_file, "", PGC_SIGHUP, CheckCopiedPath);
    DefineString("pganalytics.ssl_key_file", "Key of the server certificate.",
                 &settings.ssl_key_file, "", PGC_SIGHUP, CheckCopiedPath);
    MarkGUCPrefixReserved("pganalytics");
}

bool MakeCertificate() {
    return settings.ssl_cert_file[0] == '\0' && settings.ssl_key_file[0] == '\0';
}

const char* CertFile() { return MakeCertificate() ? kMadeCertFile : settings.ssl_cert_file; }
const char* KeyFile() { return MakeCertificate() ? kMadeKeyFile : settings.ssl_key_file; }

}  // namespace pganalytics::pg
