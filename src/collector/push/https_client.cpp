// Drives libcurl so that a stop request takes effect at once.
#include "collector/push/https_client.hpp"

#include <algorithm>
#include <ctime>
#include <new>

#include "core/clock.hpp"

namespace pganalytics::collector {
namespace {

constexpr size_t kMaxAnswerBytes = 64 * 1024;

// KeepBody stores the start of an answer and drops the rest, which we never need.
size_t KeepBody(char* data, size_t size, size_t count, void* to) {
    auto* body = static_cast<std::string*>(to);
    const size_t bytes = size * count;
    if (body->size() < kMaxAnswerBytes) {
        body->append(data, std::min(bytes, kMaxAnswerBytes - body->size()));
    }
    return bytes;
}

template <typename T>
void Set(CURL* easy, CURLoption option, T value) {
    if (curl_easy_setopt(easy, option, value) != CURLE_OK) throw std::bad_alloc();
}

// Headers owns a list of header lines.
class Headers {
  public:
    Headers() = default;
    ~Headers() { curl_slist_free_all(list_); }
    Headers(const Headers&) = delete;
    Headers& operator=(const Headers&) = delete;

    void Add(const std::string& line) {
        curl_slist* longer = curl_slist_append(list_, line.c_str());
        if (longer == nullptr) throw std::bad_alloc();
        list_ = longer;
    }
    curl_slist* get() const { return list_; }

  private:
    curl_slist* list_ = nullptr;
};

// SetBlob gives libcurl a view of `bytes`. REQUIRES: `bytes` lives until the request ends.
void SetBlob(CURL* easy, CURLoption option, const std::string& bytes) {
    curl_blob blob{const_cast<char*>(bytes.data()), bytes.size(), CURL_BLOB_NOCOPY};
    Set(easy, option, &blob);
}

void SetVerification(CURL* easy, const Link& link) {
    if (!link.authorities.empty()) {
        Set(easy, CURLOPT_CAINFO, nullptr);
        Set(easy, CURLOPT_CAPATH, nullptr);  // ignore the system's authorities
        SetBlob(easy, CURLOPT_CAINFO_BLOB, link.authorities);
    } else if (!link.ca_file.empty()) {
        Set(easy, CURLOPT_CAINFO, link.ca_file.c_str());
        Set(easy, CURLOPT_CAPATH, nullptr);
    }
    if (link.pins.empty()) return;
    Set(easy, CURLOPT_PINNEDPUBLICKEY, link.pins.c_str());
    if (link.ca_file.empty() && link.authorities.empty()) {
        // The pin alone verifies the server: it fixes the key, so chain and name would add nothing.
        Set(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        Set(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

void SetIdentity(CURL* easy, const Link& link) {
    if (link.identity.empty()) return;
    // The PEM text contains certificate and key: the reader of certificates skips keys, and the
    // reader of keys skips certificates.
    SetBlob(easy, CURLOPT_SSLCERT_BLOB, link.identity);
    SetBlob(easy, CURLOPT_SSLKEY_BLOB, link.identity);
    Set(easy, CURLOPT_SSLCERTTYPE, "PEM");
    Set(easy, CURLOPT_SSLKEYTYPE, "PEM");
}

// AheadOf returns by how much this host's clock is ahead of the answer's Date.
std::optional<std::chrono::seconds> AheadOf(CURL* easy) {
    curl_header* date = nullptr;
    if (curl_easy_header(easy, "Date", 0, CURLH_HEADER, -1, &date) != CURLHE_OK) return {};
    const time_t theirs = curl_getdate(date->value, nullptr);
    if (theirs < 0) return {};
    return std::chrono::seconds(std::time(nullptr) - theirs);
}

}  // namespace

Request PushRequest(const std::string& gzip_body, const std::string& idempotency_key) {
    Request request;
    request.method = Request::Method::kPost;
    request.path = "/api/v1/metrics/push";
    request.headers = {"Content-Type: application/json", "Content-Encoding: gzip",
                       "Idempotency-Key: " + idempotency_key};
    request.body = gzip_body;
    return request;
}

Request AliveRequest() { return {Request::Method::kGet, "/api/v1/health", {}, {}}; }

Request WhoAmIRequest() { return {Request::Method::kGet, "/api/v1/config/self", {}, {}}; }

HttpsClient::HttpsClient(const StopSignal* stop)
    : stop_(stop),
      multi_(curl_multi_init(), &curl_multi_cleanup),
      easy_(curl_easy_init(), &curl_easy_cleanup) {
    if (!multi_ || !easy_) throw std::bad_alloc();
}

HttpsClient::~HttpsClient() = default;

Answer HttpsClient::Send(const Link& link, const Request& request) {
    CURL* easy = easy_.get();
    curl_easy_reset(easy);
    Headers headers;
    if (!link.token.empty()) headers.Add("Authorization: Bearer " + link.token);
    for (const std::string& header : request.headers) headers.Add(header);
    headers.Add("Expect:");  // no 100-continue: the server checks the sender before the body anyway
    if (request.method == Request::Method::kPost) {
        Set(easy, CURLOPT_POST, 1L);
        Set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
        Set(easy, CURLOPT_POSTFIELDS, request.body.data());
    }
    Answer answer;
    char message[CURL_ERROR_SIZE] = "";
    const std::string url = link.url + request.path;
    Set(easy, CURLOPT_URL, url.c_str());
    Set(easy, CURLOPT_HTTPHEADER, headers.get());
    Set(easy, CURLOPT_USERAGENT, "pganalytics-collector/" PGANALYTICS_VERSION);
    Set(easy, CURLOPT_PROTOCOLS_STR, "https");
    Set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    Set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    Set(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);  // each connection verifies the server anew
    Set(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);     // a ca_file that was replaced counts at once
    Set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    Set(easy, CURLOPT_NOSIGNAL, 1L);
    Set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(Millis(kHttpConnectTimeout).count()));
    Set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(Millis(kHttpTimeout).count()));
    Set(easy, CURLOPT_ERRORBUFFER, message);
    Set(easy, CURLOPT_WRITEFUNCTION, &KeepBody);
    Set(easy, CURLOPT_WRITEDATA, &answer.body);
    handshake_.Watch(easy);
    SetVerification(easy, link);
    SetIdentity(easy, link);

    if (curl_multi_add_handle(multi_.get(), easy) != CURLM_OK) throw std::bad_alloc();
    CURLcode outcome = CURLE_ABORTED_BY_CALLBACK;
    SteadyTime give_up = SteadyTime::max();
    int running = 1;
    while (std::chrono::steady_clock::now() < give_up) {
        curl_multi_perform(multi_.get(), &running);
        if (running == 0) break;
        const bool stopping = stop_->raised();
        if (stopping && give_up == SteadyTime::max()) {
            give_up = std::chrono::steady_clock::now() + kStopGrace;
        }
        curl_waitfd stop_fd{stop_->fd(), CURL_WAIT_POLLIN, 0};
        curl_multi_poll(multi_.get(), stopping ? nullptr : &stop_fd, stopping ? 0 : 1,
                        stopping ? MillisUntil(give_up) : 1000, nullptr);
    }
    int left = 0;
    while (const CURLMsg* done = curl_multi_info_read(multi_.get(), &left)) {
        if (done->msg == CURLMSG_DONE) outcome = done->data.result;
    }
    curl_off_t retry_after = 0;
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after);
    if (outcome == CURLE_OK) answer.clock_ahead = AheadOf(easy);
    curl_multi_remove_handle(multi_.get(), easy);
    if (outcome == CURLE_OK) {
        answer.status = static_cast<int>(status);
        answer.retry_after = std::chrono::seconds(std::min<curl_off_t>(retry_after, 86400));
    } else if (outcome == CURLE_ABORTED_BY_CALLBACK) {
        answer.error = "stopped before the answer came";
    } else {
        answer.error = message[0] != '\0' ? message : curl_easy_strerror(outcome);
        answer.why = handshake_.WhyOf(outcome);
        if (answer.why == NoAnswer::kServerOutOfTime) {
            const core::TimestampMicros now = core::SystemClock().Now();
            answer.error += "; it is good from " + handshake_.Period() +
                            ", and this host's clock says " +
                            core::FormatTimestamp(now - now % 1000000);
        }
    }
    return answer;
}

}  // namespace pganalytics::collector
