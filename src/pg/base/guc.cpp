// GUC: definitions of the settings, in alphabetical order, and their checks.
#include "pg/base/guc.hpp"

#include "pg/base/evaluation_time.hpp"

#include <limits.h>

#include "core/host_list.hpp"
#include "core/mail_address.hpp"

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

constexpr config_enum_entry kAuditOverflows[] = {
    {"count", static_cast<int>(AuditOverflow::kCount), false},
    {"refuse", static_cast<int>(AuditOverflow::kRefuse), false},
    {nullptr, 0, false},
};

constexpr config_enum_entry kMetricsAccess[] = {
    {"authenticated", static_cast<int>(protocol::MetricsAccess::kAuthenticated), false},
    {"anyone", static_cast<int>(protocol::MetricsAccess::kAnyone), false},
    {nullptr, 0, false},
};

constexpr config_enum_entry kMtls[] = {
    {"off", static_cast<int>(protocol::Mtls::kOff), false},
    {"optional", static_cast<int>(protocol::Mtls::kOptional), false},
    {"required", static_cast<int>(protocol::Mtls::kRequired), false},
    {nullptr, 0, false},
};

// CheckName: what fits a common name (ub-common-name, RFC 5280 appendix A.1).
bool CheckName(char** value, void**, GucSource) noexcept {
    if (**value != '\0' && strlen(*value) <= 64) return true;
    GUC_check_errdetail("The name of a certificate authority has 1 to 64 bytes.");
    GUC_check_errhint("Name the organisation or the site, as in \"pganalytics CA, Site 1\".");
    return false;
}

// CheckServerNames: what may stand in a certificate without being quoted.
bool CheckServerNames(char** value, void**, GucSource) noexcept {
    constexpr char kGood[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:*";
    if (**value == '\0' || SplitAddresses(*value, [kGood](const char* name) {
            return strspn(name, kGood) == strlen(name);
        })) {
        return true;
    }
    GUC_check_errdetail("The list has an entry that is neither a host name nor an address.");
    GUC_check_errhint(
        "Separate names and addresses by commas, as in \"db.example.com, 10.0.0.5\".");
    return false;
}

// CheckUrl: what stands in certificates and in alerts as it is, so no more than an address needs.
bool CheckUrl(const char* value, const char* example) {
    constexpr size_t kMaxBytes = 1024;
    if (*value == '\0') return true;
    const bool http = strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0;
    const char* const rest = http ? strstr(value, "://") + 3 : "";
    bool good = *rest != '\0' && *rest != '/' && strlen(value) <= kMaxBytes;
    for (const char* c = rest; *c != '\0'; ++c) good = good && *c > ' ' && *c < 0x7F;
    if (good) return true;
    GUC_check_errdetail("The address is no http: or https: URL of at most %d printable characters.",
                        static_cast<int>(kMaxBytes));
    GUC_check_errhint("Write it as in \"%s\".", example);
    return false;
}

bool CheckCrlUrl(char** value, void**, GucSource) noexcept {
    return CheckUrl(*value, "http://pki.example.com/pganalytics.crl");
}

bool CheckExternalUrl(char** value, void**, GucSource) noexcept {
    return CheckUrl(*value, "https://db.example.com:8444");
}

bool CheckAllowedHosts(char** value, void**, GucSource) noexcept {
    if (core::IsHostList(*value)) return true;
    GUC_check_errdetail("The list has an entry that is no host, host:port, address or network.");
    GUC_check_errhint(
        "Separate entries by commas, as in \"alertmanager.lan:9093, 10.1.0.0/16, [fd00::1]:443\".");
    return false;
}

bool CheckSmtpRelay(char** value, void**, GucSource) noexcept {
    std::string_view host;
    uint16_t port = 0;
    if (core::SplitHostPort(*value, &host, &port)) return true;
    GUC_check_errdetail("The relay is no host with a port.");
    GUC_check_errhint("Write it as in \"localhost:25\".");
    return false;
}

bool CheckMailFrom(char** value, void**, GucSource) noexcept {
    if (**value == '\0' || core::IsMailAddress(*value)) return true;
    GUC_check_errdetail("The text is no mail address.");
    GUC_check_errhint("Write the address alone, as in \"alerts@db.example.com\".");
    return false;
}

bool CheckChannel(char** value, void**, GucSource) noexcept {
    if (strlen(*value) < NAMEDATALEN) return true;
    GUC_check_errdetail("The name of a channel has at most %d bytes.", NAMEDATALEN - 1);
    GUC_check_errhint("Name a channel as LISTEN takes it.");
    return false;
}

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
                  GucContext context, GucStringCheckHook check, int flags = 0) {
    DefineCustomStringVariable(name, description, nullptr, variable, value, context, flags, check,
                               nullptr, nullptr);
}

}  // namespace

void DefineSettings() {
    const GucContext at_start =
        process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP;

    DefineInt("pganalytics.alert_access_threshold",
              "Refused objects and routes of one role in a minute at which an alert is raised.",
              &settings.alert_access_threshold, 20, 1, 1000000, PGC_SIGHUP);
    DefineString("pganalytics.alert_allowed_hosts",
                 "Hosts and networks that alerts may be sent to although they are not public.",
                 &settings.alert_allowed_hosts, "", PGC_SIGHUP, CheckAllowedHosts);
    DefineString("pganalytics.alert_ca_file",
                 "Certificates that verify receivers of alerts; empty: those of the system.",
                 &settings.alert_ca_file, "", PGC_SIGHUP, CheckCopiedPath);
    DefineInt("pganalytics.alert_certificate_days",
              "Days before the end of a certificate below which an alert is raised.",
              &settings.alert_certificate_days, 7, 0, 825, PGC_SIGHUP);
    DefineInt("pganalytics.alert_collector_silent",
              "Time without a push after which a server's collector is silent.",
              &settings.alert_collector_silent_s, 300, 1, 604800, PGC_SIGHUP, GUC_UNIT_S);
    DefineInt("pganalytics.alert_failed_login_threshold",
              "Failed logins in five minutes above which an alert is raised.",
              &settings.alert_failed_login_threshold, 10, 0, 1000000, PGC_SIGHUP);
    DefineString("pganalytics.alert_mail_from",
                 "Sender of mails about alerts; empty: pganalytics at the host's name.",
                 &settings.alert_mail_from, "", PGC_SIGHUP, CheckMailFrom);
    DefineInt("pganalytics.alert_rate_limit_threshold",
              "Refusals of one address in five minutes at which an alert is raised.",
              &settings.alert_rate_limit_threshold, 50, 1, 1000000, PGC_SIGHUP);
    DefineInt("pganalytics.alert_timeout", "Time that a receiver of alerts has to take a delivery.",
              &settings.alert_timeout_s, 30, 1, 60, PGC_SIGHUP, GUC_UNIT_S);
    DefineInt("pganalytics.api_port", "TCP port for people; 0: none.", &settings.api_port, 8444, 0,
              65535, at_start);
    DefineInt("pganalytics.api_session_lifetime", "Time after which a person logs in again.",
              &settings.api_session_lifetime_s, 43200, 60, 2592000, PGC_SIGHUP, GUC_UNIT_S);
    DefineInt("pganalytics.api_token_lifetime", "Life of a person's token.",
              &settings.api_token_lifetime_s, 900, 30, 86400, PGC_SIGHUP, GUC_UNIT_S);
    DefineCustomBoolVariable("pganalytics.audit", "Whether the audit log is written.", nullptr,
                             &settings.audit, true, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineString("pganalytics.audit_anchor_channel",
                 "Channel to which the head of the audit log is notified; empty: none.",
                 &settings.audit_anchor_channel, "", PGC_SIGHUP, CheckChannel);
    DefineInt("pganalytics.audit_buffer", "Shared memory for events on their way to the audit log.",
              &settings.audit_buffer_kb, 4096, 64, 1024 * 1024, at_start, GUC_UNIT_KB);
    DefineInt("pganalytics.audit_log_retention", "Days for which the audit log is kept.",
              &settings.audit_log_retention_days, 90, 1, 3650, PGC_SIGHUP);
    DefineCustomEnumVariable("pganalytics.audit_overflow",
                             "What happens to an event that finds the buffer full.", nullptr,
                             &settings.audit_overflow, static_cast<int>(AuditOverflow::kCount),
                             kAuditOverflows, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineInt("pganalytics.audit_wait",
              "Time for which a session waits for room in the buffer of the audit log.",
              &settings.audit_wait_ms, 10, 0, 10000, PGC_SIGHUP, GUC_UNIT_MS);
    DefineInt("pganalytics.batch_size", "Pushes that share one commit, at most.",
              &settings.batch_size, 50, 1, 1000, PGC_SIGHUP);
    DefineString("pganalytics.ca_key_file",
                 "Key of the certificate authority; empty: one is made in the data directory.",
                 &settings.ca_key_file, "", PGC_SIGHUP, CheckCopiedPath);
    DefineInt("pganalytics.ca_lifetime_days",
              "Days for which a made certificate authority is valid.", &settings.ca_lifetime_days,
              3650, 1, 7300, PGC_SIGHUP);
    DefineString("pganalytics.ca_name", "Name of a made certificate authority.", &settings.ca_name,
                 "pganalytics CA", PGC_SIGHUP, CheckName);
    DefineString("pganalytics.ca_passphrase_command",
                 "Command that prints the passphrase of the authority's key.",
                 &settings.ca_passphrase_command, "", PGC_SIGHUP, nullptr, GUC_SUPERUSER_ONLY);
    DefineInt("pganalytics.cert_rotation_days",
              "Days for which a collector's certificate is valid.", &settings.cert_rotation_days,
              30, 1, 825, PGC_SIGHUP);
    DefineInt("pganalytics.connection_lifetime",
              "Time after which a collector's connection is asked to begin anew.",
              &settings.connection_lifetime_s, 300, 1, 86400, PGC_SIGHUP, GUC_UNIT_S);
    DefineInt("pganalytics.connection_timeout",
              "Time for a TLS handshake and for the head of a request.",
              &settings.connection_timeout_ms, 5000, 100, 600000, PGC_SIGHUP, GUC_UNIT_MS);
    DefineString("pganalytics.crl_url",
                 "Where the revocation list is published, for certificates; empty: nowhere.",
                 &settings.crl_url, "", PGC_SIGHUP, CheckCrlUrl);
    DefineString("pganalytics.database", "Database whose pganalytics extension serves the port.",
                 &settings.database, "postgres", at_start, CheckDatabase);
    DefineInt("pganalytics.dedup_window", "Time for which a repeated push is recognised.",
              &settings.dedup_window_min, 7 * 24 * 60, 60, 8 * 24 * 60, PGC_SIGHUP, GUC_UNIT_MIN);
    DefineCustomStringVariable("pganalytics.evaluation_time",
                               "Time as of which rules of alerts look; empty: now.", nullptr,
                               &settings.evaluation_time, "", PGC_USERSET, 0, CheckEvaluationTime,
                               AssignEvaluationTime, nullptr);
    DefineString("pganalytics.external_url",
                 "With what links in alerts begin; empty: the port for people.",
                 &settings.external_url, "", PGC_SIGHUP, CheckExternalUrl);
    DefineCustomEnumVariable("pganalytics.ingest_path", "How rows are inserted.",
                             "\"auto\" chooses by what the table is.", &settings.ingest_path,
                             static_cast<int>(IngestPath::kAuto), kIngestPaths, PGC_SIGHUP, 0,
                             nullptr, nullptr, nullptr);
    DefineInt("pganalytics.ingest_workers", "Number of ingest workers, each with a gateway.",
              &settings.ingest_workers, 2, 1, kMaxIngestWorkers, at_start);
    DefineString("pganalytics.listen_addresses",
                 "Host names or addresses on which the collectors' port is opened.",
                 &settings.listen_addresses, "localhost", at_start, CheckListenAddresses);
    DefineInt("pganalytics.login_failure_interval", "Time after which a failed login is forgiven.",
              &settings.login_failure_interval_s, 60, 1, 86400, PGC_SIGHUP, GUC_UNIT_S);
    DefineInt("pganalytics.login_failures", "Failed logins in a row, of a role from an address.",
              &settings.login_failures, 5, 1, 10000, PGC_SIGHUP);
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
    DefineCustomEnumVariable("pganalytics.metrics_access", "Who may read GET /metrics.", nullptr,
                             &settings.metrics_access,
                             static_cast<int>(protocol::MetricsAccess::kAuthenticated),
                             kMetricsAccess, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineString("pganalytics.metrics_client_ca_file",
                 "Certificates that sign those of programs that read GET /metrics; empty: none are "
                 "asked for.",
                 &settings.metrics_client_ca_file, "", PGC_SIGHUP, CheckCopiedPath);
    DefineCustomEnumVariable("pganalytics.mtls", "Whether collectors present certificates.",
                             nullptr, &settings.mtls, static_cast<int>(protocol::Mtls::kOptional),
                             kMtls, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineInt("pganalytics.port", "TCP port for collectors.", &settings.port, 8443, 1, 65535,
              at_start);
    DefineCustomRealVariable(
        "pganalytics.query_limit_alert_threshold",
        "Share of the queries of a database beyond the limit above which an alert is raised.",
        nullptr, &settings.query_limit_alert_threshold, 0.05, 0.0, 1.0, PGC_SIGHUP, 0, nullptr,
        nullptr, nullptr);
    DefineInt("pganalytics.rate_limit_address",
              "Requests a second from one address, on average; 0: no limit.",
              &settings.rate_limit_address, 100, 0, 1000000, PGC_SIGHUP);
    DefineInt("pganalytics.rate_limit_address_burst", "Requests from one address at once.",
              &settings.rate_limit_address_burst, 2000, 1, 1000000, PGC_SIGHUP);
    DefineInt("pganalytics.rate_limit_collector",
              "Requests a second of one collector, on average; 0: no limit.",
              &settings.rate_limit_collector, 20, 0, 1000000, PGC_SIGHUP);
    DefineInt("pganalytics.rate_limit_collector_burst", "Requests of one collector at once.",
              &settings.rate_limit_collector_burst, 500, 1, 1000000, PGC_SIGHUP);
    DefineInt("pganalytics.retention_alerts", "Days for which what is over about alerts is kept.",
              &settings.retention_alerts_days, 90, 1, 3650, PGC_SIGHUP);
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
    DefineInt("pganalytics.server_cert_days", "Days for which a made server certificate is valid.",
              &settings.server_cert_days, 90, 1, 825, PGC_SIGHUP);
    DefineString("pganalytics.server_names",
                 "Further names and addresses of the server, for its certificate.",
                 &settings.server_names, "", PGC_SIGHUP, CheckServerNames);
    DefineString("pganalytics.smtp_relay", "Mail server that takes mails about alerts.",
                 &settings.smtp_relay, "localhost:25", PGC_SIGHUP, CheckSmtpRelay);
    DefineString("pganalytics.ssl_ca_file",
                 "Certificates that sign collectors' certificates; empty: none are asked for.",
                 &settings.ssl_ca_file, "", PGC_SIGHUP, CheckCopiedPath);
    DefineString("pganalytics.ssl_cert_file",
                 "Server certificate; empty: one is made in the data directory.",
                 &settings.ssl_cert_file, "", PGC_SIGHUP, CheckCopiedPath);
    DefineString("pganalytics.ssl_crl_file",
                 "Certificate revocation lists of the authorities in ssl_ca_file.",
                 &settings.ssl_crl_file, "", PGC_SIGHUP, CheckCopiedPath);
    DefineString("pganalytics.ssl_key_file", "Key of the server certificate.",
                 &settings.ssl_key_file, "", PGC_SIGHUP, CheckCopiedPath);
    DefineInt("pganalytics.token_key_rotation_days", "Days for which a key signs tokens.",
              &settings.token_key_rotation_days, 30, 1, 825, PGC_SIGHUP);
    DefineInt("pganalytics.token_lifetime", "Life of a collector's signed token.",
              &settings.token_lifetime_s, 3600, 30, 604800, PGC_SIGHUP, GUC_UNIT_S);
    DefineInt("pganalytics.token_refresh_grace",
              "Time after its end for which a token can be refreshed.",
              &settings.token_refresh_grace_s, 604800, 0, 2592000, PGC_SIGHUP, GUC_UNIT_S);
    MarkGUCPrefixReserved("pganalytics");
}

bool MakeCertificate() {
    return settings.ssl_cert_file[0] == '\0' && settings.ssl_key_file[0] == '\0';
}

const char* CertFile() { return MakeCertificate() ? kMadeCertFile : settings.ssl_cert_file; }
const char* KeyFile() { return MakeCertificate() ? kMadeKeyFile : settings.ssl_key_file; }

bool AuthorityIsGiven() { return settings.ca_key_file[0] != '\0'; }

bool IssuesToCollectors() { return settings.ssl_ca_file[0] == '\0' || AuthorityIsGiven(); }

const char* ClientAuthorityFile() {
    if (settings.mtls == static_cast<int>(protocol::Mtls::kOff)) return "";
    return settings.ssl_ca_file[0] != '\0' ? settings.ssl_ca_file : kMadeAuthorityFile;
}

const char* ServerAuthorityFile() {
    if (!MakeCertificate()) return CertFile();
    return AuthorityIsGiven() ? settings.ssl_ca_file : kMadeAuthorityFile;
}

}  // namespace pganalytics::pg
