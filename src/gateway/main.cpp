// pganalytics-gateway: reads the network so that no process of PostgreSQL has to. A worker starts
// it with these descriptors:
//   3: a socket to the worker
//   4 and up: the listening sockets
//   the next one: the shared memory of the rate limits, if there is one
// Everything else that the gateway needs comes in the first two frames from the worker.
#include <openssl/rand.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>

#include "core/utf8.hpp"
#include "gateway/collectors/enrollment.hpp"
#include "gateway/collectors/push.hpp"
#include "gateway/identity/authorize.hpp"
#include "gateway/identity/client_check.hpp"
#include "gateway/people/api_routes.hpp"
#include "gateway/process/limits.hpp"
#include "gateway/process/log.hpp"
#include "gateway/process/rate_limiter.hpp"
#include "gateway/process/sandbox_rules.hpp"
#include "gateway/process/startup.hpp"
#include "gateway/process/worker_link.hpp"
#include "gateway/routes.hpp"
#include "http/server.hpp"
#include "pki/client_certificate.hpp"
#include "sandbox/process.hpp"
#include "sandbox/sandbox.hpp"

namespace pganalytics::gateway {
namespace {

namespace asio = http::asio;
constexpr std::chrono::milliseconds kRefuseTime{200};
constexpr std::chrono::milliseconds kLastWordsTime{100};

// Leave ends the process without running destructors: connections are cut, and coroutines are not
// unwound.
[[noreturn]] void Leave(int code) { _exit(code); }

http::ServerOptions OptionsOf(const protocol::GatewayConfig& config) {
    http::ServerOptions options;
    options.max_connections = config.max_connections;
    options.max_idle_connections = config.max_idle_connections;
    options.connection_lifetime = std::chrono::milliseconds(config.connection_lifetime_ms);
    options.connection_timeout = std::chrono::milliseconds(config.connection_timeout_ms);
    options.max_body_bytes = config.max_body_bytes;
    options.cleanse_input = config.role == protocol::GatewayRole::kApi;
    return options;
}

int Main() {
    sandbox::PrepareProcess({protocol::kWorkerFd, true, false});
    KeepBuffers();
    asio::io_context io(1);
    WorkerLink link(io, protocol::kWorkerFd);
    auto fail = [&link](std::string message) {
        core::MakePrintable(message.data(), message.size());
        link.SendNow(protocol::FrameType::kFailed, protocol::Failed{message});
        return 1;
    };
    auto config = link.ReadConfig();
    if (!config) return fail(config.error().message);
    const auto first = link.ReadIdentity();
    if (!first) return fail(first.error().message);
    IdentityState identity;
    if (!identity.Replace(*first)) return fail("the worker's keys or certificates make no sense");
    Log log(link);
    Refusals refusals(link);
    const http::PeerCheck check = MakeClientCheck(*config, identity, log, refusals);
    auto startup = Start(*config, check);
    if (!startup) return fail(startup.error().message);
    uint64_t seed = 0;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&seed), sizeof(seed)) != 1) {
        return fail("the system gives no random numbers");
    }
    auto limiter = RateLimiter::Open(*config);
    if (!limiter) return fail(limiter.error().message);
    SideThread side(io);
    PushService push(link, log, side, identity, refusals, *config, seed);
    EnrollmentService enrollment(link, identity, refusals);
    Authorizer authorizer(link, log, identity, refusals, config->mtls);
    ApiService api(link, log, identity, refusals, config->metrics_access);
    const bool for_people = config->role == protocol::GatewayRole::kApi;
    auto guard = [&](http::Exchange& exchange,
                     const http::Route& route) -> http::Task<std::optional<http::Response>> {
        if (for_people) co_return co_await api.Authorize(exchange, route);
        std::optional<http::Response> refusal = co_await authorizer.Authorize(exchange, route);
        if (refusal) co_return refusal;
        const core::Uuid collector = Authorizer::SubjectOf(exchange);
        if (!protocol::IsZero(collector)) exchange.SetSender(http::Sender::WithId(collector));
        refusal = co_await limiter->TakeCollector(exchange, collector);
        if (refusal) {
            refusals.Add(protocol::RefusalKind::kCollectorLimit, exchange.client(), collector,
                         RouteName(route));
        }
        co_return refusal;
    };
    const http::Router router(for_people ? ApiRoutes(&api) : CollectorRoutes({&push, &enrollment}),
                              guard);
    http::ServerOptions options = OptionsOf(*config);
    options.admit = [&](const core::Address& client) {
        const unsigned wait_s = limiter->TakeAddress(client);
        if (wait_s != 0) refusals.Add(protocol::RefusalKind::kAddressLimit, client);
        return wait_s;
    };
    options.on_crowding = [&](const core::Address& client) {
        refusals.Add(protocol::RefusalKind::kCrowding, client);
    };
    http::Server server(io, options, std::move(startup->tls), router);

    link.StartWriter();
    side.Start();
    // From here on the process can open no file. It has not accepted any connection yet.
    auto sandboxed = sandbox::Enter({kSandboxRules});
    if (!sandboxed) return fail(sandboxed.error().message);
    link.SendNow(protocol::FrameType::kReady,
                 protocol::Ready{*sandboxed ? 1u : 0u, 0, startup->certificate_sha256});

    asio::steady_timer leave(io);
    const auto leave_now = [&link] {
        link.Flush(kLastWordsTime);
        Leave(0);
    };
    auto on_drain = [&](const protocol::Drain& drain) {
        std::chrono::milliseconds grace(drain.grace_ms);
        if (drain.refuse != 0) {
            grace = kRefuseTime;
            link.RefuseWaiting();
            server.CloseIdle();
        }
        // The next gateway may judge a client certificate differently, because its revocation list
        // may be newer. On the port for people, its authorities for programs that scrape metrics
        // may have changed. So close the connections that use a client certificate.
        if (for_people || !config->crl_file.empty()) server.CloseWith([](X509*) { return true; });
        leave.expires_after(grace);
        leave.async_wait([leave_now](const boost::system::error_code& error) {
            if (!error) leave_now();
        });
        // Send the refusal counts now and every later count at once: a count that is unsent when
        // this process exits is lost.
        refusals.Finish();
        server.Drain(leave_now);
        link.Send(protocol::FrameType::kDraining, protocol::Draining{server.stats().open});
    };
    auto on_identity = [&](const protocol::Identity& news) {
        if (!identity.Replace(news)) return false;
        server.CloseWith([&identity](X509* certificate) {
            return identity.IsRevoked(pki::CertificateSha256(certificate));
        });
        return true;
    };
    auto on_end = [](const std::string& failure) {
        if (!failure.empty()) std::fprintf(stderr, "pganalytics-gateway: %s\n", failure.c_str());
        Leave(failure.empty() ? 0 : 1);
    };
    link.Start({on_drain, on_identity, on_end});
    for (uint32_t i = 0; i < config->listeners; ++i) {
        server.Listen(protocol::kFirstListenerFd + static_cast<int>(i));
    }
    asio::co_spawn(io, Monitor(io, server, link, log, refusals), [](std::exception_ptr error) {
        if (error) std::rethrow_exception(error);
    });
    io.run();
    return 1;
}

}  // namespace
}  // namespace pganalytics::gateway

int main(int argc, char** argv) {
    try {
        if (argc == 2 && std::string_view(argv[1]) == "--routes") {
            std::fputs(pganalytics::gateway::ListRoutes().c_str(), stdout);
            return 0;
        }
        // Skip destructors: those of OpenSSL would make system calls that the sandbox may forbid.
        _exit(pganalytics::gateway::Main());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pganalytics-gateway: %s\n", error.what());
        _exit(1);
    }
}
