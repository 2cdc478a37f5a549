// pganalytics-collector: command line, signals, exit status.
#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "collector/check.hpp"
#include "collector/enrol/enroll.hpp"
#include "collector/life/config.hpp"
#include "collector/life/log.hpp"
#include "collector/life/stop.hpp"
#include "collector/run.hpp"

namespace {

namespace collector = pganalytics::collector;

// kConfigurationError is the exit status that tells a service manager not to retry (EX_CONFIG of
// sysexits; RestartPreventExitStatus=78).
constexpr int kConfigurationError = 78;

// TakeSignals makes SIGTERM and SIGINT raise `stop`, and SIGHUP raise `reload` unless it is
// nullptr. REQUIRES: no thread has been started. Threads that are started later inherit the signal
// mask, so these signals do not interrupt them.
void TakeSignals(collector::StopSignal* stop, collector::ReloadSignal* reload) {
    signal(SIGPIPE, SIG_IGN);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (reload != nullptr) sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::thread([signals, stop, reload] {
        int received = 0;
        while (sigwait(&signals, &received) == 0 && received == SIGHUP) reload->Raise();
        stop->Raise();
    }).detach();
}

// TakeArguments copies the command line and overwrites the value of --token in the original, which
// every user of the machine can read. REQUIRES: called before anything else.
std::vector<std::string> TakeArguments(int argc, char** argv) {
    constexpr std::string_view kOption = "--token";
    std::vector<std::string> arguments;
    for (int i = 1; i < argc; ++i) {
        arguments.emplace_back(argv[i]);
        char* secret = nullptr;
        if (i > 1 && arguments[arguments.size() - 2] == kOption) secret = argv[i];
        if (arguments.back().starts_with(std::string(kOption) + "=")) {
            secret = argv[i] + kOption.size() + 1;
        }
        if (secret != nullptr) std::memset(secret, '*', std::strlen(secret));
    }
    return arguments;
}

// TakeState locks the state directory, so that no second process pushes as this collector. A
// collector with a token may have no such directory, or one in which it may not write: then there
// is nothing to lock. A dry run pushes nothing.
using LockedState = pganalytics::core::Result<std::optional<collector::StateLock>>;
LockedState TakeState(const collector::Config& config, bool dry_run) {
    const bool used = config.state.identity || access(config.state_dir.c_str(), W_OK) == 0;
    if (dry_run || !used) return std::optional<collector::StateLock>();
    auto lock = collector::StateLock::ToPush(collector::StateDirectory(config.state_dir));
    if (!lock.ok()) return lock.error();
    return std::optional(*std::move(lock));
}

int Main(int argc, char** argv) {
    std::vector<std::string> arguments = TakeArguments(argc, argv);
    CLI::App app{"Reads pg_stat_statements of PostgreSQL servers and pushes it to pganalytics."};
    app.fallthrough();  // set before the commands are added, so that they inherit it
    std::string config_path(collector::kDefaultConfigFile);
    bool dry_run = false;
    app.add_option("--config", config_path, "configuration file")->capture_default_str();
    app.add_flag("--dry-run", dry_run, "with run and once: print what would be sent, send nothing");
    app.set_version_flag("--version", "pganalytics-collector " PGANALYTICS_VERSION);
    const CLI::App* run = app.add_subcommand("run", "sample and push until SIGTERM");
    const CLI::App* once = app.add_subcommand("once", "one sample and one push for each server");
    const CLI::App* check =
        app.add_subcommand("check", "test the configuration, pganalytics, and every server");
    CLI::App* enroll = app.add_subcommand("enroll", "get a certificate for a one-time token");
    collector::EnrollOptions enrolment;
    enroll->add_option("--server", enrolment.server, "https://host:port of pganalytics");
    enroll->add_option("--token-file", enrolment.token_file,
                       "file with the one-time token, - for standard input");
    enroll->add_option("--token", enrolment.token, "the one-time token itself");
    enroll->add_option("--pin", enrolment.pin, "sha256/BASE64 of the server's public key");
    enroll->add_option("--ca-file", enrolment.ca_file, "CA certificates that verify the server");
    enroll->add_option("--state-dir", enrolment.state_dir, "where key and certificate are kept");
    app.require_subcommand(1);
    try {
        std::reverse(arguments.begin(), arguments.end());  // CLI11 expects this order
        app.parse(std::move(arguments));
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? EXIT_SUCCESS : 2;
    }
    if (dry_run && (check->parsed() || enroll->parsed())) {
        std::fputs("--dry-run belongs to run and once\n", stderr);
        return 2;
    }

    const collector::Environment environment = [](const char* name) -> const char* {
        return std::getenv(name);
    };
    collector::ServiceManager manager;
    // Static, because the detached signal thread uses them until the process ends.
    static collector::StopSignal stop;
    static collector::ReloadSignal reload;
    TakeSignals(&stop, run->parsed() ? &reload : nullptr);
    const collector::LoadAgain load = [&] {
        return collector::LoadConfig(
            config_path, environment,
            enroll->parsed() ? collector::Purpose::kEnroll : collector::Purpose::kRun);
    };
    auto config = load();
    if (!config.ok()) {
        if (check->parsed())
            std::printf("FAIL configuration: %s\n", config.error().message.c_str());
        if (!check->parsed()) collector::Log(collector::Level::kError, config.error().message);
        return kConfigurationError;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (enroll->parsed()) {
        return collector::EnrollCommand(enrolment, *config, environment, stop);
    }
    if (check->parsed()) return collector::Check(*config, config_path, stop);
    for (const std::string& warning : config->warnings) {
        collector::Log(collector::Level::kWarning, warning);
    }
    const LockedState lock = TakeState(*config, dry_run);
    if (!lock.ok()) {
        collector::Log(collector::Level::kError, lock.error().message);
        return EXIT_FAILURE;
    }
    if (once->parsed()) return collector::Once(*config, dry_run, stop);
    return collector::Run(*std::move(config), load, reload, &manager, dry_run, stop);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return Main(argc, argv);
    } catch (const std::exception& error) {
        collector::Log(collector::Level::kError, std::string("internal error: ") + error.what());
        return EXIT_FAILURE;
    }
}
