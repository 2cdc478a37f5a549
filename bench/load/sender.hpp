// Sender: one connection to the collectors' port, used as our collector or as an old one uses it.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

namespace pganalytics::bench {

// Account is what a collector authenticates with: a token, a certificate (PEM) with its key, or
// both.
struct Account {
    std::string collector_id;
    std::string token;
    std::string certificate_file;
    std::string key_file;
};

struct Target {
    std::string url;
    std::string ca_file;
    // If true, sends as an old collector does: 100-continue, and neither idempotency key nor gzip
    // nor keep-alive. If false, sends as our collector does: a key for each push, gzip and
    // keep-alive.
    bool is_old = false;
    // If true, makes a new TCP and TLS connection for each push.
    bool connect_each_time = false;
};

class Sender {
  public:
    // REQUIRES: `target` and `account` outlive the sender.
    Sender(const Target& target, const Account& account);

    // Push sends one body and returns the seconds until it was acknowledged. It throws
    // runtime_error with the status and the answer for anything but a 200. It retries a 503 that
    // asks for a retry; the wait is part of the time.
    double Push(const std::string& body, const std::string& key);

    // refused is the number of pushes that the server asked to retry.
    int refused() const { return refused_; }

  private:
    long Try(const std::string& body, curl_slist* headers);

    const Target& target_;
    const Account& account_;
    std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl_;
    std::string answer_;
    int refused_ = 0;
};

}  // namespace pganalytics::bench
