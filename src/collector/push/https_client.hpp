// HttpsClient: requests to pganalytics over reused connections.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>
#include <vector>

#include "collector/life/link.hpp"
#include "collector/life/stop.hpp"
#include "collector/push/answer.hpp"

namespace pganalytics::collector {

inline constexpr std::chrono::seconds kHttpConnectTimeout{10};
inline constexpr std::chrono::seconds kHttpTimeout{60};
// After a stop request, a request in progress has this long to finish.
inline constexpr std::chrono::milliseconds kStopGrace{1000};

struct Request {
    enum class Method { kGet, kPost };
    Method method = Method::kGet;
    std::string path;
    std::vector<std::string> headers;
    std::string body;
};

// PushRequest is a push: a gzip body with an idempotency key.
Request PushRequest(const std::string& gzip_body, const std::string& idempotency_key);

// AliveRequest tests whether TLS and HTTP work; anybody may send it. WhoAmIRequest gets 200 only if
// the server accepts the sender as a collector that may push now.
Request AliveRequest();
Request WhoAmIRequest();

// HttpsClient is for one thread. REQUIRES: curl_global_init was called; `stop` outlives the client.
class HttpsClient {
  public:
    explicit HttpsClient(const StopSignal* stop);
    ~HttpsClient();
    HttpsClient(const HttpsClient&) = delete;
    HttpsClient& operator=(const HttpsClient&) = delete;

    // Send sends no byte of the request before it has verified the server as the link says. It
    // reuses a connection only for the same verification and the same identity.
    Answer Send(const Link& link, const Request& request);

  private:
    const StopSignal* stop_;
    int alert_ = -1;  // the last TLS alert of the server; declared before its writer
    std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi_;
    std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy_;
};

}  // namespace pganalytics::collector
