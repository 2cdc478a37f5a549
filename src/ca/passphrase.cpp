#include "ca/passphrase.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace pganalytics::ca {
namespace {

using core::Error;
using core::Result;

constexpr size_t kMaxBytes = 1000;  // less than PEM_BUFSIZE of OpenSSL, 1024
constexpr int kExecFailed = 127;

Error Failed(const std::string& why) { return {"pganalytics.ca_passphrase_command " + why}; }

// Wait waits until the child ends and returns its status, or -1 on an error. Signals do not
// interrupt the wait.
int Wait(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) return -1;
    }
    return status;
}

}  // namespace

Result<pki::Secret> RunPassphraseCommand(const std::string& command) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return Failed(std::string("got no pipe: ") + strerror(errno));
    const pid_t pid = fork();
    if (pid < 0) return Failed(std::string("could not be run: ") + strerror(errno));
    if (pid == 0) {
        // All descriptors that this program has opened have FD_CLOEXEC, so exec closes them.
        dup2(ends[1], STDOUT_FILENO);
        execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
        _exit(kExecFailed);
    }
    close(ends[1]);
    char buffer[kMaxBytes + 1] = {};
    size_t size = 0;
    ssize_t n = 0;
    while (size < sizeof(buffer)) {
        n = read(ends[0], buffer + size, sizeof(buffer) - size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        size += static_cast<size_t>(n);
    }
    // If the command still prints, its writes fail from here on.
    close(ends[0]);
    const int status = Wait(pid);
    const void* const line_end = std::memchr(buffer, '\n', size);
    const size_t line_size = line_end == nullptr
                                 ? size
                                 : static_cast<size_t>(static_cast<const char*>(line_end) - buffer);
    pki::Secret secret(std::string(buffer, line_size));
    OPENSSL_cleanse(buffer, sizeof(buffer));
    if (line_size > kMaxBytes) return Failed("printed more than 1000 bytes");
    if (!WIFEXITED(status)) return Failed("was ended by a signal");
    if (WEXITSTATUS(status) != 0) {
        return Failed("ended with exit code " + std::to_string(WEXITSTATUS(status)));
    }
    if (line_size == 0) return Failed("printed nothing");
    return secret;
}

}  // namespace pganalytics::ca
