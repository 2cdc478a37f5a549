// Gateway configuration: makes the Config frame from the current settings.
#include "bgworker/process/gateway_config.hpp"

#include "pg/base/guc.hpp"
#include "pg/identity/rate_limits.hpp"

namespace pganalytics::bgworker {

int PortOf(protocol::GatewayRole role) {
    return role == protocol::GatewayRole::kApi ? pg::settings.api_port : pg::settings.port;
}

protocol::GatewayConfig ConfigOf(protocol::GatewayRole role, int listeners) {
    protocol::GatewayConfig config;
    config.listeners = static_cast<uint32_t>(listeners);
    config.max_connections = static_cast<uint32_t>(pg::settings.max_connections);
    config.max_idle_connections = static_cast<uint32_t>(pg::settings.max_idle_connections);
    config.connection_lifetime_ms =
        static_cast<uint32_t>(pg::settings.connection_lifetime_s) * 1000;
    config.connection_timeout_ms = static_cast<uint32_t>(pg::settings.connection_timeout_ms);
    config.max_body_bytes = static_cast<uint64_t>(pg::settings.max_body_size_kb) * 1024;
    config.query_text_bytes = static_cast<uint64_t>(pg::settings.quota_query_text_kb) * 1024;
    config.cert_file = pg::CertFile();
    config.key_file = pg::KeyFile();
    config.ca_file = pg::ClientAuthorityFile();
    config.crl_file = pg::settings.ssl_crl_file;
    config.mtls = static_cast<protocol::Mtls>(pg::settings.mtls);
    config.role = role;
    pg::FillRates(&config);
    config.metrics_access = static_cast<protocol::MetricsAccess>(pg::settings.metrics_access);
    if (role == protocol::GatewayRole::kApi) {
        // People send a password or a token and short bodies; programs that scrape metrics may show
        // a certificate.
        config.mtls = protocol::Mtls::kOptional;
        config.ca_file = pg::settings.metrics_client_ca_file;
        config.crl_file = {};
        config.max_body_bytes = protocol::kMaxApiBodyBytes;
    }
    return config;
}

}  // namespace pganalytics::bgworker
