// handshakes asks for the health of a server on a new TLS connection each time, with many clients
// at once, with or without a certificate. A handshake counts when the answer has arrived: in TLS
// 1.3 a server may refuse a client's certificate after the client has finished its handshake.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "timing.hpp"

namespace pganalytics::bench {
namespace {

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using Session = std::unique_ptr<SSL, decltype(&SSL_free)>;

constexpr std::string_view kRequest =
    "GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
constexpr std::string_view kGood = "HTTP/1.1 200 ";

struct Options {
    int port = 0;
    std::string ca_file;
    std::string certificate_file;  // empty: the client sends no certificate
    std::string key_file;
    int64_t count = 1;
    int64_t connections = 1;
};

// Socket is a connection to the server.
class Socket {
  public:
    explicit Socket(int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
            close(fd_);
            throw std::runtime_error("could not connect");
        }
        const int on = 1;
        setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    ~Socket() { close(fd_); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    int fd() const { return fd_; }

  private:
    int fd_;
};

Context MakeContext(const Options& options) {
    Context context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    if (SSL_CTX_load_verify_locations(context.get(), options.ca_file.c_str(), nullptr) != 1) {
        throw std::runtime_error("cannot read " + options.ca_file);
    }
    if (!options.certificate_file.empty() &&
        (SSL_CTX_use_certificate_chain_file(context.get(), options.certificate_file.c_str()) != 1 ||
         SSL_CTX_use_PrivateKey_file(context.get(), options.key_file.c_str(), SSL_FILETYPE_PEM) !=
             1)) {
        throw std::runtime_error("cannot read " + options.certificate_file);
    }
    return context;
}

void Shake(SSL_CTX* context, int port) {
    const Socket socket(port);
    const Session session(SSL_new(context), &SSL_free);
    SSL_set_fd(session.get(), socket.fd());
    SSL_set1_host(session.get(), "localhost");
    std::string answer(kGood.size(), '\0');
    if (SSL_connect(session.get()) != 1 ||
        SSL_write(session.get(), kRequest.data(), static_cast<int>(kRequest.size())) <= 0 ||
        SSL_read(session.get(), answer.data(), static_cast<int>(answer.size())) <= 0 ||
        answer != kGood) {
        throw std::runtime_error("a handshake failed");
    }
    SSL_shutdown(session.get());
}

Measured Run(const Options& options) {
    const Context context = MakeContext(options);
    const auto connections = static_cast<size_t>(options.connections);
    std::vector<std::vector<double>> latencies(connections);
    std::vector<std::string> failures(connections);
    std::vector<std::thread> threads;
    std::atomic<int64_t> next = 0;
    const double cpu_before = CpuSeconds(0);
    const Clock::time_point began = Clock::now();
    for (size_t i = 0; i < connections; ++i) {
        threads.emplace_back([&, i] {
            try {
                while (next++ < options.count) {
                    const Clock::time_point one = Clock::now();
                    Shake(context.get(), options.port);
                    latencies[i].push_back(SecondsSince(one));
                }
            } catch (const std::exception& error) {
                failures[i] = error.what();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    Measured all;
    all.seconds = SecondsSince(began);
    all.client_cpu = CpuSeconds(0) - cpu_before;
    for (size_t i = 0; i < connections; ++i) {
        if (!failures[i].empty()) throw std::runtime_error(failures[i]);
        all.latencies.insert(all.latencies.end(), latencies[i].begin(), latencies[i].end());
    }
    return all;
}

}  // namespace
}  // namespace pganalytics::bench

int main(int argc, char** argv) {
    pganalytics::bench::Options options;
    CLI::App app{"makes TLS connections as many collectors do"};
    app.add_option("--port", options.port)->required();
    app.add_option("--ca", options.ca_file)->required();
    app.add_option("--certificate", options.certificate_file, "PEM, with its chain");
    app.add_option("--key", options.key_file);
    app.add_option("--count", options.count)->check(CLI::PositiveNumber);
    app.add_option("--connections", options.connections, "at once")->check(CLI::PositiveNumber);
    CLI11_PARSE(app, argc, argv);
    try {
        pganalytics::bench::Print(Run(options));
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "handshakes: %s\n", error.what());
        return 1;
    }
}
