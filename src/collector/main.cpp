// pganalytics-collector: command line, signals, exit status.
#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>

#include "collector/check.hpp"
#include "collector/config.hpp"
#include "collector/log.hpp"
#include "collector/run.hpp"
#include "collector/stop.hpp"

namespace {

namespace collector = pganalytics::collector;

// kConfigurationError is the exit status that tells a service manager not to try again (sysexits'
// EX_CONFIG; RestartPreventExitStatus=78).
constexpr int kConfigurationError = 78;

// StopOnSignals makes SIGTERM and SIGINT raise `stop`. To be called before any thread starts: all
// of them inherit the mask, so that no handler ever runs in the middle of something.
void StopOnSignals(collector::StopSignal* stop) {
    signal(SIGPIPE, SIG_IGN);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::thread([signals, stop] {
        int received = 0;
        sigwait(&signals, &received);
        stop->Raise();
    }).detach();
}

int Main(int argc, char** argv) {
    CLI::App app{"Reads pg_stat_statements of PostgreSQL servers and pushes it to pganalytics."};
    app.fallthrough();  // before the commands, which inherit it: options may follow them
    std::string config_path(collector::kDefaultConfigFile);
    bool dry_run = false;
    app.add_option("--config", config_path, "configuration file")->capture_default_str();
    app.add_flag("--dry-run", dry_run, "with run and once: print what would be sent, send nothing");
    app.set_version_flag("--version", "pganalytics-collector " PGANALYTICS_VERSION);
    const CLI::App* run = app.add_subcommand("run", "sample and push until SIGTERM");
    const CLI::App* once = app.add_subcommand("once", "one sample and one push for each server");
    const CLI::App* check =
        app.add_subcommand("check", "test the configuration, pganalytics, and every server");
    app.require_subcommand(1);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? EXIT_SUCCESS : 2;
    }
    if (dry_run && check->parsed()) {
        std::fputs("--dry-run belongs to run and once\n", stderr);
        return 2;
    }

    const auto config = collector::LoadConfig(
        config_path, [](const char* name) -> const char* { return std::getenv(name); });
    if (!config.ok()) {
        if (check->parsed())
            std::printf("FAIL configuration: %s\n", config.error().message.c_str());
        if (!check->parsed()) collector::Log(collector::Level::kError, config.error().message);
        return kConfigurationError;
    }
    // Lives until the process ends: the signal thread holds on to it.
    static collector::StopSignal stop;
    StopOnSignals(&stop);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (check->parsed()) return collector::Check(*config, config_path, stop);
    for (const std::string& warning : config->warnings) {
        collector::Log(collector::Level::kWarning, warning);
    }
    if (once->parsed()) return collector::Once(*config, dry_run, stop);
    if (run->parsed()) return collector::Run(*config, dry_run, stop);
    return 2;
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
