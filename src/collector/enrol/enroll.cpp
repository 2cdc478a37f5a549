// The command enroll: exchanges a one-time token for a certificate in the state directory.
#include "collector/enrol/enroll.hpp"

#include <grp.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "collector/enrol/enrollment.hpp"
#include "collector/life/config_values.hpp"
#include "collector/life/secret.hpp"
#include "core/clock.hpp"
#include "core/text.hpp"
#include "pki/files.hpp"

namespace pganalytics::collector {
namespace {

using core::Error;
using core::Result;
using core::Status;
using core::Unit;

constexpr size_t kMaxTokenBytes = 4096;

Result<std::string> ReadStandardInput(const StopSignal& stop) {
    if (isatty(STDIN_FILENO) == 1) std::fputs("enrolment token: ", stderr);
    std::string text(kMaxTokenBytes + 1, '\0');
    size_t length = 0;
    while (length < text.size()) {
        // A separate thread takes the signals and raises `stop`, so a signal does not interrupt
        // read(). Therefore wait for the input and for `stop`.
        pollfd waited[] = {{STDIN_FILENO, POLLIN, 0}, {stop.fd(), POLLIN, 0}};
        if (poll(waited, 2, -1) < 0 && errno == EINTR) continue;
        if (stop.raised()) return Error{"stopped"};
        const ssize_t got = read(STDIN_FILENO, text.data() + length, text.size() - length);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            return Error{std::string("cannot read standard input: ") + std::strerror(errno)};
        length += static_cast<size_t>(got);
        if (got == 0 || text.find('\n') < length) break;
    }
    text.resize(length);
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return text;
}

// BecomeOwner: if root runs the command on a directory of another user, the process switches to
// that user. So the files that it creates there belong to that user.
Status BecomeOwner(const std::string& directory) {
    struct stat status {};
    if (geteuid() != 0 || stat(directory.c_str(), &status) != 0 || status.st_uid == 0) {
        return Unit{};
    }
    if (setgroups(0, nullptr) != 0 || setgid(status.st_gid) != 0 || setuid(status.st_uid) != 0) {
        return Error{"cannot become the owner of \"" + directory + "\": " + std::strerror(errno)};
    }
    return Unit{};
}

void Print(const std::string& text) {
    std::string line;
    for (const char c : text) line += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    std::puts(line.c_str());
    std::fflush(stdout);
}

int Fail(const std::string& text) {
    std::fprintf(stderr, "cannot enrol: %s\n", text.c_str());
    return EXIT_FAILURE;
}

// Cure returns the remedy to append to the failure's message; "" if there is nothing to add.
std::string Cure(const Failure& failure, const Link& link) {
    switch (failure.status) {
        case 0:
            if (failure.why != NoAnswer::kServerUnverified) {
                Answer answer;
                answer.why = failure.why;
                return Advice(answer);
            }
            return "; the token was not sent. The server is to be verified by " + VerifiedBy(link) +
                   ": compare --pin and --server with what create_enrollment_token() gave, and add "
                   "the server's name to pganalytics.server_names if its certificate lacks it";
        case 403:
            return "; a token is good once and for a limited time: SELECT * FROM "
                   "pganalytics.create_enrollment_token('name') in the analytics database gives "
                   "another";
        case 404:
            return "; is this the collectors' port of pganalytics 3.2 or later, or the one for "
                   "people (pganalytics.api_port, 8444)?";
        default:
            return "";
    }
}

// FirstLink returns the link for the first request, before the server has sent its trust document.
Result<Link> FirstLink(const EnrollOptions& options, const Config& config, const State& before) {
    Config wanted = config;
    if (!options.server.empty()) {
        const auto url = NormalizeUrl(options.server);
        if (!url) return Error{"--server " + url.error().message};
        wanted.url = *url;
    }
    if (wanted.url.empty() && before.server) wanted.url = before.server->url;
    if (wanted.url.empty())
        return Error{"--server is missing, such as https://db.example.com:8443"};
    if (!options.pin.empty() || !options.ca_file.empty()) {
        wanted.ca_file = options.ca_file;
        wanted.pin.clear();
    }
    if (!options.pin.empty()) {
        const auto pin = NormalizePin(options.pin);
        if (!pin) return Error{"--pin " + pin.error().message};
        wanted.pin = *pin;
    }
    // The trust document of an earlier enrolment counts only for the server that sent it.
    const bool same = before.server && before.server->url == wanted.url;
    return MakeLink(wanted, std::nullopt, same ? before.server : std::nullopt);
}

// Ask enrols. If the server's status asks for a retry (503, for example), it retries for up to
// kEnrollTimeout. It does not retry after a 404, or if no answer came.
Outcome<State> Ask(const Link& link, const std::string& token, const Config& config,
                   const StateDirectory& directory, const StopSignal& stop) {
    HttpsClient client(&stop);
    const Send send = [&client](const Link& to, const Request& request) {
        return client.Send(to, request);
    };
    const SteadyTime deadline = std::chrono::steady_clock::now() + kEnrollTimeout;
    for (int failures = 1;; ++failures) {
        Outcome<State> outcome =
            Enroll(link, token, config, directory, core::SystemClock().Now(), send);
        const Failure* failure = std::get_if<Failure>(&outcome);
        if (failure == nullptr || failure->status == 0 ||
            Judge(failure->status) != Verdict::kRetry || failure->status == 404) {
            return outcome;
        }
        const SteadyTime again = std::chrono::steady_clock::now() +
                                 BackoffDelay(failures, failure->retry_after, RandomFraction());
        if (again > deadline || !stop.WaitUntil(again)) return outcome;
    }
}

}  // namespace

Result<std::string> TakeToken(const EnrollOptions& options, const Environment& environment,
                              const StopSignal& stop) {
    if (!options.token.empty() && !options.token_file.empty()) {
        return Error{"--token and --token-file must not stand together"};
    }
    std::string token = options.token;
    if (options.token_file == "-") {
        Result<std::string> read = ReadStandardInput(stop);
        if (!read) return read;
        token = *read;
    } else if (!options.token_file.empty()) {
        Result<std::string> read = ReadSecretFile(options.token_file);
        if (!read) return read;
        token = *read;
    } else if (const char* value = environment("PGANALYTICS_ENROLLMENT_TOKEN");
               token.empty() && value != nullptr) {
        token = value;
    }
    if (token.empty()) {
        return Error{
            "there is no token: give --token-file, or - for standard input, or "
            "PGANALYTICS_ENROLLMENT_TOKEN"};
    }
    const bool printable =
        std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    if (!printable || token.size() > kMaxTokenBytes) {
        return Error{"the token must be one line of visible ASCII characters"};
    }
    return token;
}

int EnrollCommand(const EnrollOptions& options, const Config& config,
                  const Environment& environment, const StopSignal& stop) {
    const auto token = TakeToken(options, environment, stop);
    if (!token) return Fail(token.error().message);
    const std::string state_dir = !options.state_dir.empty()  ? options.state_dir
                                  : !config.state_dir.empty() ? config.state_dir
                                                              : std::string(kDefaultStateDirectory);
    const StateDirectory directory(state_dir);
    if (const Status made = directory.Prepare(); !made) return Fail(made.error().message);
    const auto before = directory.Load();
    if (!before) Print("what is in \"" + state_dir + "\" is replaced: " + before.error().message);
    auto link = FirstLink(options, config, before ? *before : State{});
    if (!link) return Fail(link.error().message);
    if (!link->ca_file.empty()) {
        // Read the file before we change user: the other user may lack the permission.
        const auto authorities = pki::ReadFile("CA file", link->ca_file);
        if (!authorities) return Fail(authorities.error().message);
        link->authorities = pki::BytesOf(authorities->get());
    }
    if (const Status owner = BecomeOwner(state_dir); !owner) return Fail(owner.error().message);
    const auto lock = StateLock::ToEnrol(directory);
    if (!lock) return Fail(lock.error().message);
    const Outcome<State> outcome = Ask(*link, *token, config, directory, stop);
    if (const Failure* failure = std::get_if<Failure>(&outcome)) {
        return Fail(failure->message + Cure(*failure, *link));
    }
    const State& state = std::get<State>(outcome);
    const Identity& identity = *state.identity;
    const std::string id = core::FormatUuid(identity.collector_id);
    if (before && before->identity && !(before->identity->collector_id == identity.collector_id)) {
        Print("this was collector " + core::FormatUuid(before->identity->collector_id) +
              " and is now another one");
    }
    Print("enrolled as collector " + id + " at " + state.server->url);
    Print("certificate " + identity.serial + " is good until " +
          core::FormatTimestamp(identity.not_after) + " and renews itself from " +
          core::FormatTimestamp(RenewAt(identity) / 1000000 * 1000000));
    Print("key and certificate are in " + state_dir);
    if (geteuid() == 0) {
        Print(
            "they belong to root: run the collector as root, or give them to its user with "
            "chown -R USER: " +
            state_dir);
    }
    return EXIT_SUCCESS;
}

}  // namespace pganalytics::collector
