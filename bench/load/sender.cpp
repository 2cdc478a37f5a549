#include "sender.hpp"

#include <chrono>
#include <initializer_list>
#include <stdexcept>
#include <thread>

#include "timing.hpp"

namespace pganalytics::bench {
namespace {

constexpr int kMaxRefusals = 20;
constexpr long kCut = 0;  // returned in place of a status when the connection was cut

size_t KeepAnswer(char* bytes, size_t size, size_t count, void* answer) {
    static_cast<std::string*>(answer)->append(bytes, size * count);
    return size * count;
}

}  // namespace

Sender::Sender(const Target& target, const Account& account)
    : target_(target), account_(account), curl_(curl_easy_init(), &curl_easy_cleanup) {
    CURL* const curl = curl_.get();
    curl_easy_setopt(curl, CURLOPT_URL, (target.url + "/api/v1/metrics/push").c_str());
    curl_easy_setopt(curl, CURLOPT_CAINFO, target.ca_file.c_str());
    if (!account.certificate_file.empty()) {
        curl_easy_setopt(curl, CURLOPT_SSLCERT, account.certificate_file.c_str());
        curl_easy_setopt(curl, CURLOPT_SSLKEY, account.key_file.c_str());
    }
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 300L);
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, target.connect_each_time ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &KeepAnswer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer_);
    // A large buffer, because the sender's own cost of a large body is not measured.
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
}

double Sender::Push(const std::string& body, const std::string& key) {
    std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(nullptr,
                                                                        &curl_slist_free_all);
    auto add = [&](const std::string& line) {
        headers.reset(curl_slist_append(headers.release(), line.c_str()));
    };
    if (!account_.token.empty()) add("Authorization: Bearer " + account_.token);
    add("Content-Type: application/json");
    if (!target_.is_old) {
        add("Idempotency-Key: " + key);
        add("Content-Encoding: gzip");
        add("Expect:");
    }
    const Clock::time_point began = Clock::now();
    for (;;) {
        const long status = Try(body, headers.get());
        if (status == 200) return SecondsSince(began);
        if ((status != 503 && status != kCut) || ++refused_ > kMaxRefusals) {
            throw std::runtime_error(std::to_string(status) + " " + answer_);
        }
        if (status == kCut) continue;
        curl_off_t seconds = 0;
        curl_easy_getinfo(curl_.get(), CURLINFO_RETRY_AFTER, &seconds);
        std::this_thread::sleep_for(std::chrono::seconds(seconds));
    }
}

long Sender::Try(const std::string& body, curl_slist* headers) {
    answer_.clear();
    curl_easy_setopt(curl_.get(), CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl_.get(), CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(curl_.get(), CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(body.size()));
    const CURLcode code = curl_easy_perform(curl_.get());
    // The server may close a kept connection while a request is on its way.
    if (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING) {
        return kCut;
    }
    if (code != CURLE_OK) throw std::runtime_error(curl_easy_strerror(code));
    long status = 0;
    curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
    return status;
}

}  // namespace pganalytics::bench
