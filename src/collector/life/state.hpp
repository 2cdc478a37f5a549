// StateDirectory: what an enrolled collector keeps on disk.
#pragma once

#include <optional>
#include <string>

#include "collector/life/identity.hpp"
#include "collector/life/trust.hpp"
#include "core/result.hpp"

namespace pganalytics::collector {

inline constexpr std::string_view kDefaultStateDirectory = "/var/lib/pganalytics-collector";

// State is what a collector has after enrolment; before it, neither.
struct State {
    std::optional<Identity> identity;
    std::optional<ServerState> server;
};

// CertificateRequest is a key that was made here and waits for its certificate.
struct CertificateRequest {
    std::string key_pem;  // a secret
    std::string csr_pem;
};

// StateDirectory holds three files, each written whole or not at all:
//   request.pem   a new key and the request made with it, from before the request is sent until its
//                 certificate is kept: whoever gets no answer asks again with the same bytes
//   server.json   url and trust of the server
//   identity.pem  certificate and key in one file, so that they change together
// In the order in which enrolment writes them; with the last one the collector is enrolled.
class StateDirectory {
  public:
    explicit StateDirectory(std::string path) : path_(std::move(path)) {}

    const std::string& path() const { return path_; }

    // Prepare makes the directory if it is missing (0700; only itself, not those above it).
    core::Status Prepare() const;

    // Load reads what is there; a directory that does not exist holds nothing. Errors name the
    // file: what cannot be read or parsed, a key that others may read, a directory that others may
    // write.
    core::Result<State> Load() const;

    // Version differs after identity or server were written, by whatever process.
    std::string Version() const;

    // EnsureRequest gives the request that waits, or makes one.
    core::Result<CertificateRequest> EnsureRequest() const;
    core::Status DropRequest() const;

    core::Status SaveServer(const ServerState& server) const;
    // SaveIdentity also drops the request, which has been granted.
    core::Status SaveIdentity(const Identity& identity) const;

  private:
    std::string File(const char* name) const { return path_ + "/" + name; }
    core::Status CheckDirectory() const;

    std::string path_;
};

// StateLock keeps other processes from asking for a certificate with the same directory. It is
// taken without waiting: Error when somebody has it.
class StateLock {
  public:
    static core::Result<StateLock> Take(const StateDirectory& directory);
    StateLock(StateLock&& other) noexcept;
    StateLock& operator=(StateLock&&) = delete;
    ~StateLock();

  private:
    explicit StateLock(int fd) : fd_(fd) {}
    int fd_;
};

}  // namespace pganalytics::collector
