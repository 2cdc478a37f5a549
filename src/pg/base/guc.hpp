// GUC: the settings pganalytics.*, all listed in docs/reference/settings.md.
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// How rows reach their table; kAuto chooses by what the table is (bulk.hpp).
enum class IngestPath : int { kAuto, kDirect, kCopy, kSpi };

// What happens to an event when the buffer of the audit log is full: it is counted as lost, or what
// it tells of is refused.
enum class AuditOverflow : int { kCount, kRefuse };

// Settings are PostgreSQL's own variables: each holds the value now in force in this process.
struct Settings {
    int alert_access_threshold;  // the alert_* thresholds: read by rules of alerts, by name
    char* alert_allowed_hosts;   // core/host_list.hpp
    char* alert_ca_file;
    int alert_certificate_days;
    int alert_collector_silent_s;
    int alert_failed_login_threshold;
    char* alert_mail_from;  // "": pganalytics at the host's name
    int alert_rate_limit_threshold;
    int alert_timeout_s;
    int api_port;
    int api_session_lifetime_s;
    int api_token_lifetime_s;
    bool audit;
    char* audit_anchor_channel;  // of NOTIFY; "": none
    int audit_buffer_kb;
    int audit_log_retention_days;
    int audit_overflow;  // an AuditOverflow
    int audit_wait_ms;
    int batch_size;  // pushes per commit
    char* ca_key_file;
    int ca_lifetime_days;
    char* ca_name;
    char* ca_passphrase_command;
    int cert_rotation_days;
    int connection_lifetime_s;  // after which an HTTPS connection is asked to begin anew
    int connection_timeout_ms;  // handshake, request head
    char* database;             // the one database whose extension serves the port
    int dedup_window_min;       // how long a retry is recognised
    char* evaluation_time;      // evaluation_time.hpp reads it
    char* external_url;         // with what links in alerts begin; read by SQL
    int ingest_path;            // an IngestPath
    int ingest_workers;
    char* listen_addresses;
    int login_failure_interval_s;
    int login_failures;
    int max_body_size_kb;
    int max_connections;  // per ingest worker
    int max_idle_connections;
    int max_queries_per_db;
    int metrics_access;  // a protocol::MetricsAccess
    char* metrics_client_ca_file;
    int mtls;  // a protocol::Mtls
    int port;
    double query_limit_alert_threshold;  // share of the queries of a database
    int rate_limit_address;
    int rate_limit_address_burst;
    int rate_limit_collector;
    int rate_limit_collector_burst;
    int retention_alerts_days;
    int retention_ledger_days;
    int retention_logs_days;
    int retention_metrics_days;
    int retention_query_samples_days;
    int server_cert_days;
    char* server_names;
    char* crl_url;
    char* ssl_ca_file;
    char* ssl_cert_file;
    char* ssl_crl_file;
    char* ssl_key_file;
    char* smtp_relay;  // host:port
    int token_key_rotation_days;
    int token_lifetime_s;
    int token_refresh_grace_s;
};
extern Settings settings;

// Names of what is made in the data directory when nothing is configured.
inline constexpr char kMadeAuthorityFile[] = "pganalytics_ca.crt";
inline constexpr char kMadeCertFile[] = "pganalytics_server.crt";
inline constexpr char kMadeKeyFile[] = "pganalytics_server.key";

inline constexpr int kMaxIngestWorkers = 32;
inline constexpr int kMaxListenAddresses = 8;

// DefineSettings registers every setting. Called once, from _PG_init. Settings that need a restart
// can be defined only while shared_preload_libraries loads; in a library loaded later they are
// shown and do nothing.
void DefineSettings();

// CertFile and KeyFile: as configured, else the made ones. MakeCertificate: neither is configured.
bool MakeCertificate();
const char* CertFile();
const char* KeyFile();

// AuthorityIsGiven: certificates are issued here with an administrator's key. IssuesToCollectors:
// false when ssl_ca_file alone is set, whose key somebody else has.
bool AuthorityIsGiven();
bool IssuesToCollectors();

// ClientAuthorityFile has the authorities that collectors' certificates are verified against, ""
// with mtls = off. ServerAuthorityFile has what collectors verify the server with; of a given
// server certificate that is its own chain.
const char* ClientAuthorityFile();
const char* ServerAuthorityFile();

// SplitAddresses calls visit(address) for each comma-separated entry, trimmed, until it gives
// false. False if an entry is empty or longer than 255 bytes, or visit gave false.
template <typename Visit>
bool SplitAddresses(const char* list, Visit&& visit) {
    const char* at = list;
    for (;;) {
        while (*at == ' ') ++at;
        const char* const begin = at;
        while (*at != '\0' && *at != ',') ++at;
        const char* end = at;
        while (end > begin && end[-1] == ' ') --end;
        char address[256];
        const auto length = static_cast<size_t>(end - begin);
        if (length == 0 || length >= sizeof(address)) return false;
        memcpy(address, begin, length);
        address[length] = '\0';
        if (!visit(static_cast<const char*>(address))) return false;
        if (*at == '\0') return true;
        ++at;
    }
}

}  // namespace pganalytics::pg
