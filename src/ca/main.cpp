// pganalytics-ca: the only program that reads the key of the certificate authority. For each job,
// the maintenance worker starts this program in the data directory, with a socket to the worker as
// descriptor 3. The program reads one request, writes one reply, and exits.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <optional>

#include "ca/jobs.hpp"
#include "ca/link.hpp"
#include "ca/passphrase.hpp"
#include "ca/sandbox_rules.hpp"
#include "sandbox/process.hpp"
#include "sandbox/sandbox.hpp"

namespace pganalytics::ca {
namespace {

// LockDirectory waits until no other pganalytics-ca runs in the data directory. Two can run only if
// the worker was restarted while the first one was running. The lock ends with the process.
bool LockDirectory() {
    const int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && flock(fd, LOCK_EX) != 0) {
        if (errno != EINTR) return false;
    }
    return fd >= 0;
}

int Main() {
    sandbox::PrepareProcess({protocol::kWorkerFd, false, true});
    umask(S_IRWXG | S_IRWXO);
    const auto request = ReadRequest(protocol::kWorkerFd);
    if (!request) {
        std::fprintf(stderr, "pganalytics-ca: %s\n", request.error().message.c_str());
        return 1;
    }
    if (!LockDirectory()) {
        std::perror("pganalytics-ca: could not lock the data directory");
        return 1;
    }
    const std::string command(request.value().head.passphrase_command);
    std::optional<pki::Secret> secret;
    Surroundings surroundings;
    surroundings.directory = ".";
    surroundings.host_name = sandbox::HostName();
    bool closed = false;
    surroundings.close_sandbox = [&closed]() -> core::Status {
        if (closed) return core::Unit{};
        const auto entered = sandbox::Enter({kSandboxRules});
        if (!entered) return entered.error();
        closed = true;
        return core::Unit{};
    };
    // The sandbox forbids running a command. So if there is a passphrase command, close the sandbox
    // only after the command has run.
    surroundings.passphrase = [&command, &secret,
                               &surroundings]() -> core::Result<const pki::Secret*> {
        if (command.empty()) return nullptr;
        if (!secret) {
            auto printed = RunPassphraseCommand(command);
            if (!printed) return printed.error();
            secret = std::move(*printed);
            core::Status entered = surroundings.close_sandbox();
            if (!entered) return entered.error();
        }
        return &*secret;
    };
    if (command.empty()) {
        const core::Status entered = surroundings.close_sandbox();
        if (!entered) {
            std::fprintf(stderr, "pganalytics-ca: %s\n", entered.error().message.c_str());
            return 1;
        }
    }
    const core::Status written = WriteReply(protocol::kWorkerFd, Run(*request, surroundings));
    return written ? 0 : 1;
}

}  // namespace
}  // namespace pganalytics::ca

int main() {
    try {
        _exit(pganalytics::ca::Main());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pganalytics-ca: %s\n", error.what());
        _exit(1);
    }
}
