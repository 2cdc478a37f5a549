// Sender: one connection of a collector to the port, as ours or as an old one uses it.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

namespace pganalytics::bench {

// Account is what a collector shows: a token, a certificate (PEM) with its key, or both.
struct Account {
    std::string collector_id;
    std::string token;
    std::string certificate_file;
    std::string key_file;
};

struct Target {
    std::string url;
    std::string ca_file;
    // One key each, gzip and keep-alive as ours; or none of the three, and 100-continue, as an old
    // collector.
    bool is_old = false;
    // A TCP and TLS connection for each push.
    bool connect_each_time = false;
};

class Sender {
  public:
    // REQUIRES: `target` and `account` outlive the sender.
    Sender(const Target& target, const Account& account);

    // Push sends one body and gives the seconds until it was acknowledged. Throws runtime_error
    // with the status and the answer for anything but a 200. A 503 is tried again when it says so:
    // the wait is part of the time.
    double Push(const std::string& body, const std::string& key);

    // Gives the pushes that were told to come again.
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
