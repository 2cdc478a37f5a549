// Handshake: what OpenSSL notes of a TLS handshake, to say why it failed.
#pragma once

#include <curl/curl.h>

#include <string>

#include "collector/push/answer.hpp"
#include "core/types.hpp"

namespace pganalytics::collector {

// Handshake notes the server's last alert, whether the server sent any byte, and why its
// certificate failed. libcurl itself reports these only as text. It changes nothing in how the
// server is verified.
class Handshake {
  public:
    // Watch notes what happens in the next request of `easy`. REQUIRES: this object outlives it.
    void Watch(CURL* easy);

    // WhyOf says why a request failed.
    NoAnswer WhyOf(CURLcode outcome) const;

    // Period says from when to when the certificate is good that was not at this host's time.
    std::string Period() const;

  private:
    static CURLcode OnContext(CURL* easy, void* context, void* notes);

    int alert_ = -1;
    bool received_ = false;
    bool wrong_time_ = false;
    core::TimestampMicros not_before_ = 0;
    core::TimestampMicros not_after_ = 0;
};

}  // namespace pganalytics::collector
