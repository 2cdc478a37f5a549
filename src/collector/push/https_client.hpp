// HttpsClient: requests to pganalytics over reused connections.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>
#include <vector>

#include "collector/life/link.hpp"
#include "collector/life/stop.hpp"
#include "collector/push/answer.hpp"
#include "collector/push/handshake.hpp"

namespace pganalytics::collector {

inline constexpr std::chrono::seconds kHttpConnectTimeout{10};
inline constexpr std::chrono::seconds kHttpTimeout{60};
// kStopGrace is how long a request in progress may still take after a stop request.
inline constexpr std::chrono::milliseconds kStopGrace{1000};

struct Request {
    enum class Method { kGet, kPost };
    Method method = Method::kGet;
    std::string path;
    std::vector<std::string> headers;
    std::string body;
};

// PushRequest returns a push request: a gzip body with an idempotency key.
Request PushRequest(const std::string& gzip_body, const std::string& idempotency_key);

// AliveRequest tests whether TLS and HTTP work; the server answers it for anybody. WhoAmIRequest
// gets 200 only if the server accepts the sender as a collector that may push now.
Request AliveRequest();
Request WhoAmIRequest();

// HttpsClient is for one thread. REQUIRES: curl_global_init was called; `stop` outlives the client.
class HttpsClient {
  public:
    explicit HttpsClient(const StopSignal* stop);
    ~HttpsClient();
    HttpsClient(const HttpsClient&) = delete;
    HttpsClient& operator=(const HttpsClient&) = delete;

    // Send verifies the server as the link says before it sends any byte of the request. It reuses
    // a connection only for the same verification and the same identity.
    Answer Send(const Link& link, const Request& request);

  private:
    const StopSignal* stop_;
    Handshake handshake_;  // declared before easy_, which writes to it
    std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi_;
    std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy_;
};

}  // namespace pganalytics::collector
