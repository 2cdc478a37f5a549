// pushload pushes samples to the collectors' port as a fleet of collectors does. It makes and
// compresses the bodies before it starts the clock; every push must be acknowledged.
#include <curl/curl.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <barrier>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bodies.hpp"
#include "core/clock.hpp"
#include "core/text.hpp"
#include "sender.hpp"
#include "timing.hpp"

namespace pganalytics::bench {
namespace {

constexpr int64_t kMicrosPerMinute = 60'000'000;

struct Options {
    Target target;
    std::string accounts_file;
    std::vector<std::string> body_files;
    int64_t rows = 1000;
    int64_t pushes = 1;
    int64_t first = 0;        // number of the first sample, also its sequence number
    int64_t connections = 0;  // 0: one for each collector
    std::string form = "full";
    std::string since;  // time of sample 0, for forms of changes; samples are a minute apart
    bool together = false;
};

struct Body {
    std::string bytes;
    std::string key;
    int64_t rows = 0;
};

// ReadAccounts reads a line for each collector: its id, its token, and the files of its certificate
// and its key; "-" stands for a missing one.
std::vector<Account> ReadAccounts(const std::string& path) {
    std::vector<Account> accounts;
    std::ifstream file(path);
    for (Account account; file >> account.collector_id >> account.token >>
                          account.certificate_file >> account.key_file;) {
        for (std::string* part : {&account.token, &account.certificate_file, &account.key_file}) {
            if (*part == "-") part->clear();
        }
        accounts.push_back(account);
    }
    if (accounts.empty()) throw std::runtime_error("no accounts in " + path);
    return accounts;
}

std::string ReadFile(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path);
    return {std::istreambuf_iterator<char>(file), {}};
}

// Fleet is what the connections share. Connection i and body i belong to collector i % accounts.
class Fleet {
  public:
    explicit Fleet(Options options)
        : options_(std::move(options)),
          accounts_(ReadAccounts(options_.accounts_file)),
          next_(accounts_.size()) {
        if (options_.connections == 0) {
            options_.connections = static_cast<int64_t>(accounts_.size());
        }
        MakeBodies();
    }

    Measured Run() {
        const auto connections = static_cast<size_t>(options_.connections);
        std::vector<Measured> results(connections);
        std::vector<std::string> failures(connections);
        std::vector<std::thread> threads;
        std::barrier<> together(options_.connections);
        std::barrier<>* const barrier = options_.together ? &together : nullptr;
        const double cpu_before = CpuSeconds(0);
        const Clock::time_point began = Clock::now();
        for (size_t i = 0; i < connections; ++i) {
            threads.emplace_back([this, i, barrier, &results, &failures] {
                try {
                    Work(i, barrier, &results[i]);
                } catch (const std::exception& error) {
                    failures[i] = error.what();
                    if (barrier != nullptr) barrier->arrive_and_drop();
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        Measured all;
        all.seconds = SecondsSince(began);
        all.client_cpu = CpuSeconds(0) - cpu_before;
        for (size_t i = 0; i < connections; ++i) {
            if (!failures[i].empty()) throw std::runtime_error(failures[i]);
            all.latencies.insert(all.latencies.end(), results[i].latencies.begin(),
                                 results[i].latencies.end());
            all.refused += results[i].refused;
        }
        for (const Body& body : bodies_) all.rows += body.rows;
        if (options_.together) all.latencies = LastOfEach(results);
        return all;
    }

  private:
    void MakeBodies() {
        const int64_t now = core::SystemClock().Now();
        const int64_t since =
            options_.since.empty() ? now : core::ParseTimestamp(options_.since).value();
        for (const std::string& path : options_.body_files) {
            bodies_.push_back({ReadFile(path), "", options_.rows});
        }
        for (int64_t i = 0; options_.body_files.empty() && i < options_.pushes; ++i) {
            const std::string& id =
                accounts_[static_cast<size_t>(i) % accounts_.size()].collector_id;
            const int64_t number = options_.first + i;
            Body body;
            std::string text;
            if (options_.form != "full") {
                text = ChangesBody(id, options_.rows, number, since + number * kMicrosPerMinute,
                                   options_.form == "changes-as-seen");
                body.rows = ChangedRows(number);
            } else {
                text = FullBody(id, options_.rows, number, now + i);
                body.rows = options_.rows;
            }
            body.bytes = options_.target.is_old ? std::move(text) : Gzip(text);
            body.key = std::to_string(now) + ":" + std::to_string(number);
            bodies_.push_back(std::move(body));
        }
    }

    int64_t ChangedRows(int64_t number) const {
        if (number % kFullEvery == 0) return options_.rows;
        int64_t changed = 0;
        for (int64_t query = 0; query < options_.rows; ++query) {
            changed += IsChanged(query, number) ? 1 : 0;
        }
        return changed;
    }

    // Work runs one connection. With a barrier, connection c pushes bodies c, c + connections, ...,
    // all connections at once. Without one, it pushes its collector's next body as soon as the last
    // one is acknowledged.
    void Work(size_t connection, std::barrier<>* barrier, Measured* result) {
        const size_t collector = connection % accounts_.size();
        Sender sender(options_.target, accounts_[collector]);
        const auto connections = static_cast<size_t>(options_.connections);
        if (barrier != nullptr) {
            for (size_t i = connection; i < bodies_.size(); i += connections) {
                barrier->arrive_and_wait();
                result->latencies.push_back(sender.Push(bodies_[i].bytes, bodies_[i].key));
            }
        } else {
            auto take = [&] { return (next_[collector]++) * accounts_.size() + collector; };
            for (size_t i = take(); i < bodies_.size(); i = take()) {
                result->latencies.push_back(sender.Push(bodies_[i].bytes, bodies_[i].key));
            }
        }
        result->refused = sender.refused();
    }

    // LastOfEach returns, for each time that all connections pushed at once, the longest latency.
    // It leaves out the first time, in which the connections are made.
    static std::vector<double> LastOfEach(const std::vector<Measured>& results) {
        std::vector<double> last;
        for (size_t time = 1; time < results[0].latencies.size(); ++time) {
            double longest = 0;
            for (const Measured& result : results) {
                longest = std::max(longest, result.latencies[time]);
            }
            last.push_back(longest);
        }
        return last;
    }

    Options options_;
    std::vector<Account> accounts_;
    std::vector<Body> bodies_;
    std::vector<std::atomic<size_t>> next_;  // next body of each collector
};

}  // namespace
}  // namespace pganalytics::bench

int main(int argc, char** argv) {
    pganalytics::bench::Options options;
    CLI::App app{"pushes samples as collectors do"};
    app.add_option("--url", options.target.url)->required();
    app.add_option("--ca", options.target.ca_file)->required();
    app.add_option("--accounts", options.accounts_file,
                   "lines of collector id, token, certificate file, key file")
        ->required();
    app.add_option("--rows", options.rows, "queries of a push");
    app.add_option("--pushes", options.pushes);
    app.add_option("--first", options.first, "number of the first sample");
    app.add_option("--connections", options.connections, "default: one for each collector");
    app.add_option("--form", options.form)
        ->check(CLI::IsMember({"full", "changes", "changes-as-seen"}));
    app.add_option("--since", options.since, "time of sample 0 of the forms of changes");
    app.add_option("--body", options.body_files, "push these files instead");
    app.add_flag("--old", options.target.is_old, "plain JSON without a key, as v3 collectors");
    app.add_flag("--connect", options.target.connect_each_time, "a connection for each push");
    app.add_flag("--together", options.together, "all connections at once; the last one counts");
    CLI11_PARSE(app, argc, argv);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    try {
        pganalytics::bench::Fleet fleet(options);
        pganalytics::bench::Print(fleet.Run());
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pushload: %s\n", error.what());
        return 1;
    }
}
