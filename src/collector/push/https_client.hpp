// HttpsClient: requests to pganalytics over connections that are kept.
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
// What a request in flight is given to finish after a stop was asked for.
inline constexpr std::chrono::milliseconds kStopGrace{1000};

struct Request {
    enum class Method { kGet, kPost };
    Method method = Method::kGet;
    std::string path;
    std::vector<std::string> headers;
    std::string body;
};

// PushRequest sends a gzip body under an idempotency key.
Request PushRequest(const std::string& gzip_body, const std::string& idempotency_key);

// AliveRequest asks whether TLS and HTTP work, of which everybody may ask. WhoAmIRequest is
// answered with 200 only if the server takes the sender for a collector that may push, now.
Request AliveRequest();
Request WhoAmIRequest();

// HttpsClient is for one thread. REQUIRES: curl_global_init was called; `stop` outlives the client.
class HttpsClient {
  public:
    explicit HttpsClient(const StopSignal* stop);
    ~HttpsClient();
    HttpsClient(const HttpsClient&) = delete;
    HttpsClient& operator=(const HttpsClient&) = delete;

    // Send never sends a byte of the request before the server is verified as the link says. A
    // connection is used again only for the same verification and the same identity.
    Answer Send(const Link& link, const Request& request);

  private:
    const StopSignal* stop_;
    int alert_ = -1;  // of TLS, the last that the server has sent; declared before what writes it
    std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi_;
    std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy_;
};

}  // namespace pganalytics::collector
