// PushClient: HTTPS to pganalytics over one connection that is kept.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

#include "collector/answer.hpp"
#include "collector/config.hpp"
#include "collector/stop.hpp"

namespace pganalytics::collector {

inline constexpr std::chrono::seconds kHttpConnectTimeout{10};
inline constexpr std::chrono::seconds kHttpTimeout{60};
// What a request in flight is given to finish after a stop was asked for.
inline constexpr std::chrono::milliseconds kStopGrace{1000};

// The server is verified by the CA file, by the pin of its key, or by the system's CA
// certificates; there is no way to switch this off. For one thread. REQUIRES: curl_global_init was
// called; `config` and `stop` outlive the client.
class PushClient {
  public:
    PushClient(const Config* config, const StopSignal* stop);
    ~PushClient();
    PushClient(const PushClient&) = delete;
    PushClient& operator=(const PushClient&) = delete;

    // Post sends a gzip body to the push route under an idempotency key.
    Answer Post(const std::string& gzip_body, const std::string& idempotency_key);

    // Health asks the route that needs no token.
    Answer Health();

  private:
    struct Headers;
    Answer Perform(const std::string& path, const Headers& headers);

    const Config* config_;
    const StopSignal* stop_;
    std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi_;
    std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy_;
};

}  // namespace pganalytics::collector
