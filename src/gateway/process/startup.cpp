#include "gateway/process/startup.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "gateway/process/limits.hpp"
#include "pki/identity.hpp"

namespace pganalytics::gateway {
namespace {

using core::Error;
using core::Result;
using core::Status;
using core::Unit;

constexpr uint32_t kMaxListeners = 64;
constexpr uint64_t kLargestBodyBytes = uint64_t{1} << 30;

Status CheckConfig(const protocol::GatewayConfig& config) {
    const bool good = config.listeners >= 1 && config.listeners <= kMaxListeners &&
                      config.max_connections >= 1 && config.connection_lifetime_ms >= 1 &&
                      config.connection_timeout_ms >= 1 && config.max_body_bytes >= 1 &&
                      config.max_body_bytes <= kLargestBodyBytes;
    if (!good) return Error{"the worker's configuration is out of range"};
    if (config.mtls > protocol::Mtls::kRequired || config.role > protocol::GatewayRole::kApi ||
        config.metrics_access > protocol::MetricsAccess::kAnyone) {
        return Error{"the worker's configuration is of another version"};
    }
    if (config.mtls == protocol::Mtls::kRequired && config.ca_file.empty()) {
        return Error{"certificates are required and there is no authority to verify them"};
    }
    for (uint32_t i = 0; i < config.listeners; ++i) {
        int listening = 0;
        socklen_t size = sizeof(listening);
        const int fd = protocol::kFirstListenerFd + static_cast<int>(i);
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) {
            return Error{"descriptor " + std::to_string(fd) + " is not a listening socket"};
        }
    }
    return Unit{};
}

// AsksForCertificates returns whether the handshake asks clients for a certificate. A client may go
// on without one, but a route that needs one then refuses the client.
bool AsksForCertificates(const protocol::GatewayConfig& config) {
    return !config.ca_file.empty() && config.mtls != protocol::Mtls::kOff;
}

}  // namespace

Result<Startup> Start(const protocol::GatewayConfig& config, const http::PeerCheck& check) {
    Startup startup;
    if (Status good = CheckConfig(config); !good) return good.error();
    if (Status good = CheckDescriptors(config.max_connections); !good) return good.error();
    const std::string cert_file(config.cert_file);
    const std::string key_file(config.key_file);
    auto identity = pki::LoadServerIdentity(cert_file, key_file);
    if (!identity) return identity.error();
    startup.certificate_sha256 = identity->sha256;
    http::TlsFiles files{identity->certificate.get(), identity->key.get(), {}, {}, {}};
    for (const auto& certificate : identity->chain) files.chain.push_back(certificate.get());
    std::vector<pki::CertPtr> authorities;
    std::vector<pki::CrlPtr> lists;
    if (AsksForCertificates(config)) {
        auto loaded = pki::LoadAuthorities(std::string(config.ca_file));
        if (!loaded) return loaded.error();
        authorities = std::move(*loaded);
        for (const auto& authority : authorities) files.authorities.push_back(authority.get());
        if (!config.crl_file.empty()) {
            auto revoked = pki::LoadRevocationLists(std::string(config.crl_file));
            if (!revoked) return revoked.error();
            lists = std::move(*revoked);
        }
        for (const auto& list : lists) files.revocation_lists.push_back(list.get());
    }
    auto tls = http::MakeTlsContext(files, check);
    if (!tls) return tls.error();
    startup.tls = std::move(*tls);
    LimitMemory(config.max_body_bytes, config.max_connections);
    return startup;
}

}  // namespace pganalytics::gateway
