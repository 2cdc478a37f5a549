// pganalytics-gateway: reads the network so that no process of PostgreSQL has to. Started by a
// worker with the worker's socket as descriptor 3 and listening sockets from 4 on; everything else
// it needs comes in the first frame.
#include <openssl/rand.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>

#include "gateway/log.hpp"
#include "gateway/process.hpp"
#include "gateway/push.hpp"
#include "gateway/routes.hpp"
#include "gateway/sandbox.hpp"
#include "gateway/worker_link.hpp"
#include "http/server.hpp"
#include "http/tls_context.hpp"
#include "pki/identity.hpp"
#include "pki/self_signed.hpp"

namespace pganalytics::gateway {
namespace {

namespace asio = http::asio;
using core::Error;
using core::Result;
using core::Status;
using core::Unit;

constexpr uint32_t kMaxListeners = 64;
constexpr uint64_t kLargestBodyBytes = uint64_t{1} << 30;
constexpr std::chrono::milliseconds kRefuseTime{200};

// Leave ends the process without destructors: connections are cut, coroutines are not unwound.
[[noreturn]] void Leave(int code) { _exit(code); }

Status CheckConfig(const protocol::GatewayConfig& config) {
    const bool good = config.listeners >= 1 && config.listeners <= kMaxListeners &&
                      config.max_connections >= 1 && config.connection_lifetime_ms >= 1 &&
                      config.connection_timeout_ms >= 1 && config.max_body_bytes >= 1 &&
                      config.max_body_bytes <= kLargestBodyBytes;
    if (!good) return Error{"the worker's configuration is out of range"};
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

std::string HostName() {
    char name[256] = {};
    return gethostname(name, sizeof(name) - 1) == 0 ? name : "localhost";
}

// Startup is everything that needs files. It fills the strings that *ready only views.
struct Startup {
    http::SslCtxPtr tls;
    std::string certificate_sha256;
    bool made_certificate = false;
    bool sandboxed = false;
};

Result<Startup> Start(const protocol::GatewayConfig& config) {
    Startup startup;
    if (Status good = CheckConfig(config); !good) return good.error();
    const std::string cert_file(config.cert_file);
    const std::string key_file(config.key_file);
    if (config.make_certificate != 0) {
        auto made = pki::EnsureSelfSigned(cert_file, key_file, HostName());
        if (!made) return made.error();
        startup.made_certificate = *made;
    }
    auto identity = pki::LoadServerIdentity(cert_file, key_file);
    if (!identity) return identity.error();
    startup.certificate_sha256 = identity->sha256;
    http::TlsFiles files{identity->certificate.get(), identity->key.get(), {}, {}};
    for (const auto& certificate : identity->chain) files.chain.push_back(certificate.get());
    std::vector<pki::CertPtr> authorities;
    if (!config.ca_file.empty()) {
        auto loaded = pki::LoadAuthorities(std::string(config.ca_file));
        if (!loaded) return loaded.error();
        authorities = std::move(*loaded);
        for (const auto& authority : authorities) files.authorities.push_back(authority.get());
    }
    auto tls = http::MakeTlsContext(files);
    if (!tls) return tls.error();
    startup.tls = std::move(*tls);
    LimitMemory(config.max_body_bytes, config.max_connections);
    return startup;
}

http::ServerOptions OptionsOf(const protocol::GatewayConfig& config) {
    http::ServerOptions options;
    options.max_connections = config.max_connections;
    options.max_idle_connections = config.max_idle_connections;
    options.connection_lifetime = std::chrono::milliseconds(config.connection_lifetime_ms);
    options.connection_timeout = std::chrono::milliseconds(config.connection_timeout_ms);
    options.max_body_bytes = config.max_body_bytes;
    return options;
}

int Main() {
    PrepareProcess();
    asio::io_context io(1);
    WorkerLink link(io, protocol::kWorkerFd);
    auto fail = [&link](const std::string& message) {
        link.SendNow(protocol::FrameType::kFailed, protocol::Failed{message});
        return 1;
    };
    auto config = link.ReadConfig();
    if (!config) return fail(config.error().message);
    auto startup = Start(*config);
    if (!startup) return fail(startup.error().message);
    uint64_t seed = 0;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&seed), sizeof(seed)) != 1) {
        return fail("the system gives no random numbers");
    }
    Log log(link);
    SideThread side(io);
    PushService push(link, log, side, config->max_body_bytes, seed);
    const http::Router router(CollectorRoutes(push),
                              [&push](http::Exchange& exchange, http::Access access) {
                                  return push.Authorize(exchange, access);
                              });
    http::Server server(io, OptionsOf(*config), std::move(startup->tls), router);

    link.StartWriter();
    side.Start();
    // From here on no file can be opened; no connection has been accepted yet.
    auto sandboxed = EnterSandbox();
    if (!sandboxed) return fail(sandboxed.error().message);
    link.SendNow(protocol::FrameType::kReady,
                 protocol::Ready{*sandboxed ? 1u : 0u, startup->made_certificate ? 1u : 0u,
                                 startup->certificate_sha256});

    asio::steady_timer leave(io);
    auto on_drain = [&](const protocol::Drain& drain) {
        std::chrono::milliseconds grace(drain.grace_ms);
        if (drain.refuse != 0) {
            grace = kRefuseTime;
            link.RefuseWaiting();
            server.CloseIdle();
        }
        leave.expires_after(grace);
        leave.async_wait([](const boost::system::error_code& error) {
            if (!error) Leave(0);
        });
        server.Drain([] { Leave(0); });
    };
    link.Start(on_drain, [](const std::string& failure) {
        if (!failure.empty()) std::fprintf(stderr, "pganalytics-gateway: %s\n", failure.c_str());
        Leave(failure.empty() ? 0 : 1);
    });
    for (uint32_t i = 0; i < config->listeners; ++i) {
        server.Listen(protocol::kFirstListenerFd + static_cast<int>(i));
    }
    asio::co_spawn(io, Monitor(io, server, link, log), [](std::exception_ptr error) {
        if (error) std::rethrow_exception(error);
    });
    io.run();
    return 1;
}

}  // namespace
}  // namespace pganalytics::gateway

int main() {
    try {
        // No destructors: OpenSSL's own would run under a filter they do not know.
        _exit(pganalytics::gateway::Main());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pganalytics-gateway: %s\n", error.what());
        _exit(1);
    }
}
