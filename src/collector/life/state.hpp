// StateDirectory: what an enrolled collector keeps on disk.
#pragma once

#include <optional>
#include <string>

#include "collector/life/identity.hpp"
#include "collector/life/trust.hpp"
#include "core/result.hpp"

namespace pganalytics::collector {

inline constexpr std::string_view kDefaultStateDirectory = "/var/lib/pganalytics-collector";

// State is what a collector gets by enrolment. Before enrolment both members are empty.
struct State {
    std::optional<Identity> identity;
    std::optional<ServerState> server;
};

// CertificateRequest is a key that this collector has made, with the request for a certificate. The
// certificate has not arrived yet.
struct CertificateRequest {
    std::string key_pem;  // a secret
    std::string csr_pem;
};

// StateDirectory holds three files, each written whole or not at all:
//   request.pem   a new key and its certificate request. This file is written before the request is
//                 sent, so that a retry sends the same bytes. SaveIdentity deletes it.
//   server.json   the server's URL and trust document
//   identity.pem  certificate and key in one file, so that they change together
// Enrolment writes them in this order. The collector is enrolled when identity.pem is written.
class StateDirectory {
  public:
    explicit StateDirectory(std::string path) : path_(std::move(path)) {}

    const std::string& path() const { return path_; }

    // Prepare creates the directory with mode 0700 if it is missing. It does not create parents.
    core::Status Prepare() const;

    // Load reads the files; if the directory is missing, the state is empty. Errors name the file
    // or directory and say why: it cannot be read or parsed, others may read a key, or others may
    // write to the directory.
    core::Result<State> Load() const;

    // Version is a text that changes when any process writes identity.pem or server.json.
    std::string Version() const;

    // EnsureRequest returns the key and request in request.pem, or makes new ones and stores them.
    core::Result<CertificateRequest> EnsureRequest() const;
    core::Status DropRequest() const;

    core::Status SaveServer(const ServerState& server) const;
    // SaveIdentity also deletes request.pem, since its certificate has arrived.
    core::Status SaveIdentity(const Identity& identity) const;

  private:
    std::string File(const char* name) const { return path_ + "/" + name; }
    core::Status CheckDirectory() const;

    std::string path_;
};

// StateLock is a lock on a file of the directory. The kernel releases it when the process ends,
// however it ends. No function waits: it returns an Error if another process holds the lock.
class StateLock {
  public:
    // ToEnrol keeps other processes from requesting a certificate with the same directory.
    static core::Result<StateLock> ToEnrol(const StateDirectory& directory);
    // ToPush keeps other processes from pushing as the same collector. It is held for the life of
    // the process. It is another lock than that of ToEnrol: enrolment goes on beside a collector
    // that runs.
    static core::Result<StateLock> ToPush(const StateDirectory& directory);
    StateLock(StateLock&& other) noexcept;
    StateLock& operator=(StateLock&&) = delete;
    ~StateLock();

  private:
    explicit StateLock(int fd) : fd_(fd) {}
    static core::Result<StateLock> Take(const std::string& file, const std::string& held);
    int fd_;
};

}  // namespace pganalytics::collector
