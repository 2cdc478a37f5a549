// pganalytics-ca: the only program that reads the key of the certificate authority. The maintenance
// worker starts it in the data directory for each job, with its socket as descriptor 3: one request
// frame in, one reply out, and it ends.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <exception>
#include <optional>

#include "ca/jobs.hpp"
#include "ca/link.hpp"
#include "ca/passphrase.hpp"
#include "ca/sandbox.hpp"

namespace pganalytics::ca {
namespace {

// PrepareProcess: it goes with its parent, and nobody of the same user reads its memory, neither
// through a debugger nor from a core file.
void PrepareProcess() {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    const rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    fcntl(protocol::kWorkerFd, F_SETFD, FD_CLOEXEC);
    umask(S_IRWXG | S_IRWXO);
    tzset();
}

// LockDirectory keeps a second one out, which would only be there if the worker was started again
// before the first had ended. The lock goes with the process.
bool LockDirectory() {
    const int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && flock(fd, LOCK_EX) != 0) {
        if (errno != EINTR) return false;
    }
    return fd >= 0;
}

std::string HostName() {
    char name[256] = {};
    return gethostname(name, sizeof(name) - 1) == 0 ? name : "localhost";
}

int Main() {
    PrepareProcess();
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
    surroundings.host_name = HostName();
    surroundings.close_sandbox = EnterSandbox;
    // The sandbox lets no command be run, so it closes behind the command, when that is needed.
    surroundings.passphrase = [&command, &secret]() -> core::Result<const pki::Secret*> {
        if (command.empty()) return nullptr;
        if (!secret) {
            auto printed = RunPassphraseCommand(command);
            if (!printed) return printed.error();
            secret = std::move(*printed);
            core::Status closed = EnterSandbox();
            if (!closed) return closed.error();
        }
        return &*secret;
    };
    if (command.empty()) {
        core::Status closed = EnterSandbox();
        if (!closed) {
            std::fprintf(stderr, "pganalytics-ca: %s\n", closed.error().message.c_str());
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
