// Pushes samples through the collectors' port as a collector would: HTTPS, gzip, keep-alive, one
// key each. Usage: pushload URL CA_FILE TOKEN_FILE COLLECTOR_ID ROWS PUSHES CONNECTIONS The bodies
// are made before the clock starts; every push must be answered with 200.
#include <curl/curl.h>
#include <libdeflate.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/clock.hpp"
#include "core/text.hpp"
#include "sample_rows.hpp"
#include "timing.hpp"

namespace pganalytics::bench {
namespace {

using Curl = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;
using Compressor = std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)>;

std::string MakeBody(const std::string& collector_id, int64_t rows, int64_t push, int64_t now) {
    const std::string timestamp = core::FormatTimestamp(now);
    std::string body = "{\"collector_id\":\"" + collector_id +
                       "\",\"hostname\":\"bench\",\"metrics\":[{\"database\":\"app\",\"queries\":[";
    const auto counters = Counters();
    for (int64_t query = 0; query < rows; ++query) {
        if (query > 0) body += ',';
        body += "{\"hash\":" + std::to_string(QueryIdOf(query)) + ",\"text\":\"" +
                QueryTextOf(query) + "\"";
        for (size_t i = 0; i < counters.size(); ++i) {
            body += ",\"" + std::string(counters[i].json_key) + "\":";
            if (IsUsuallyZero(counters[i].name)) {
                body += '0';
            } else if (counters[i].type == protocol::ColumnType::kFloat8) {
                char number[40];
                std::snprintf(number, sizeof(number), "%.17g", MillisOf(i, query, push));
                body += number;
            } else {
                body += std::to_string(CountOf(i, query, push));
            }
        }
        body += '}';
    }
    return body + "],\"timestamp\":\"" + timestamp +
           "\",\"type\":\"pg_query_stats\"}],\"metrics_count\":1,\"timestamp\":\"" + timestamp +
           "\",\"version\":\"3.0.0\"}";
}

std::string Gzip(const std::string& text) {
    const Compressor compressor(libdeflate_alloc_compressor(6), &libdeflate_free_compressor);
    std::string packed(libdeflate_gzip_compress_bound(compressor.get(), text.size()), '\0');
    packed.resize(libdeflate_gzip_compress(compressor.get(), text.data(), text.size(),
                                           packed.data(), packed.size()));
    if (packed.empty()) throw std::runtime_error("gzip failed");
    return packed;
}

size_t KeepAnswer(char* bytes, size_t size, size_t count, void* answer) {
    static_cast<std::string*>(answer)->append(bytes, size * count);
    return size * count;
}

struct Target {
    std::string url;
    std::string ca_file;
    std::string token;
    std::string epoch;
};

// Sender is one connection. It takes the next body until there is none left.
class Sender {
  public:
    explicit Sender(const Target& target)
        : target_(target), curl_(curl_easy_init(), &curl_easy_cleanup) {
        curl_easy_setopt(curl_.get(), CURLOPT_URL, (target.url + "/api/v1/metrics/push").c_str());
        curl_easy_setopt(curl_.get(), CURLOPT_CAINFO, target.ca_file.c_str());
        curl_easy_setopt(curl_.get(), CURLOPT_POST, 1L);
        curl_easy_setopt(curl_.get(), CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
        curl_easy_setopt(curl_.get(), CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl_.get(), CURLOPT_TIMEOUT, 120L);
        curl_easy_setopt(curl_.get(), CURLOPT_WRITEFUNCTION, &KeepAnswer);
        curl_easy_setopt(curl_.get(), CURLOPT_WRITEDATA, &answer_);
    }

    void Push(const std::string& body, size_t number) {
        Headers headers(nullptr, &curl_slist_free_all);
        for (const std::string& line :
             {"Authorization: Bearer " + target_.token,
              "Idempotency-Key: " + target_.epoch + ":" + std::to_string(number),
              std::string("Content-Type: application/json"), std::string("Content-Encoding: gzip"),
              std::string("Expect:")}) {
            headers.reset(curl_slist_append(headers.release(), line.c_str()));
        }
        answer_.clear();
        curl_easy_setopt(curl_.get(), CURLOPT_HTTPHEADER, headers.get());
        curl_easy_setopt(curl_.get(), CURLOPT_POSTFIELDS, body.data());
        curl_easy_setopt(curl_.get(), CURLOPT_POSTFIELDSIZE_LARGE,
                         static_cast<curl_off_t>(body.size()));
        const CURLcode code = curl_easy_perform(curl_.get());
        long status = 0;
        curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
        if (code != CURLE_OK) throw std::runtime_error(curl_easy_strerror(code));
        if (status != 200) throw std::runtime_error(std::to_string(status) + " " + answer_);
    }

  private:
    const Target& target_;
    Curl curl_;
    std::string answer_;
};

// Send runs one sender over the shared counter and gives its latencies; what goes wrong is kept in
// *failure.
void Send(const Target& target, const std::vector<std::string>& bodies, std::atomic<size_t>* next,
          std::vector<double>* latencies, std::string* failure) {
    try {
        Sender sender(target);
        for (size_t i = (*next)++; i < bodies.size(); i = (*next)++) {
            const Clock::time_point began = Clock::now();
            sender.Push(bodies[i], i);
            latencies->push_back(SecondsSince(began));
        }
    } catch (const std::exception& error) {
        *failure = error.what();
    }
}

int Run(char** argv) {
    std::ifstream token_file(argv[3]);
    Target target{argv[1], argv[2], "", ""};
    if (!std::getline(token_file, target.token)) throw std::runtime_error("no token");
    const int64_t rows = std::stoll(argv[5]);
    const auto pushes = std::stoll(argv[6]);
    const auto connections = static_cast<size_t>(std::stoll(argv[7]));
    const int64_t first = std::stoll(argv[8]);
    const int64_t now = core::SystemClock().Now();
    target.epoch = std::to_string(now);

    std::vector<std::string> bodies;
    for (int64_t push = 0; push < pushes; ++push) {
        bodies.push_back(Gzip(MakeBody(argv[4], rows, first + push, now + push)));
    }
    std::vector<std::vector<double>> latencies(connections);
    std::vector<std::string> failures(connections);
    std::atomic<size_t> next = 0;
    std::vector<std::thread> threads;
    const Clock::time_point began = Clock::now();
    for (size_t i = 0; i < connections; ++i) {
        threads.emplace_back(Send, std::cref(target), std::cref(bodies), &next, &latencies[i],
                             &failures[i]);
    }
    for (std::thread& thread : threads) thread.join();
    const double seconds = SecondsSince(began);

    std::vector<double> all;
    for (size_t i = 0; i < connections; ++i) {
        if (!failures[i].empty()) throw std::runtime_error(failures[i]);
        all.insert(all.end(), latencies[i].begin(), latencies[i].end());
    }
    PrintResult(seconds, rows * pushes, std::move(all));
    return 0;
}

}  // namespace
}  // namespace pganalytics::bench

int main(int argc, char** argv) {
    if (argc != 9) {
        std::fprintf(stderr,
                     "usage: pushload URL CA_FILE TOKEN_FILE COLLECTOR_ID ROWS PUSHES CONNECTIONS "
                     "FIRST\n");
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    try {
        return pganalytics::bench::Run(argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pushload: %s\n", error.what());
        return 1;
    }
}
