#include "courier/http_delivery.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "courier/signature.hpp"

namespace pganalytics::courier {
namespace {

using core::Error;
using core::Result;
using protocol::Authentication;
using protocol::DeliveryOutcome;

constexpr size_t kMaxBodyBytes = 64 << 10;
constexpr size_t kMaxHeaderBytes = 64 << 10;
constexpr size_t kMaxExcerptBytes = 200;

using CurlText = std::unique_ptr<char, decltype(&curl_free)>;

std::string PartOf(CURLU* url, CURLUPart part, unsigned flags = 0) {
    char* text = nullptr;
    if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
    const CurlText owner(text, &curl_free);
    return text;
}

// IsFieldValue returns whether the text may stand in a header, because no character of it can end
// the line (RFC 9110 section 5.5).
bool IsFieldValue(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

Target TargetOf(CURLU* url) {
    Target target;
    target.encrypted = PartOf(url, CURLUPART_SCHEME) == "https";
    target.host = PartOf(url, CURLUPART_HOST);
    if (!target.host.empty() && target.host.front() == '[') {
        target.host = target.host.substr(1, target.host.size() - 2);
    }
    target.port = static_cast<uint16_t>(
        std::strtoul(PartOf(url, CURLUPART_PORT, CURLU_DEFAULT_PORT).c_str(), nullptr, 10));
    return target;
}

core::Address AddressOf(const curl_sockaddr& from) {
    sockaddr_storage peer = {};
    std::memcpy(&peer, &from.addr, std::min<size_t>(from.addrlen, sizeof(peer)));
    return core::AddressOf(peer);
}

std::string Refusal(Verdict verdict, const core::Address& address) {
    char text[core::kAddressTextBytes];
    core::FormatAddress(address, text);
    const std::string why =
        verdict == Verdict::kNotEncrypted
            ? "http, without TLS, is for hosts that pganalytics.alert_allowed_hosts names"
            : "it is no public address, and pganalytics.alert_allowed_hosts does not name it";
    return std::string("no connection to ") + text + ": " + why;
}

}  // namespace

Result<std::unique_ptr<Transfer>> HttpDelivery::Make(const Config& config, Parcel parcel,
                                                     int64_t now) {
    const protocol::Delivery& delivery = parcel.delivery;
    UrlPtr url(curl_url(), &curl_url_cleanup);
    if (!url) throw std::bad_alloc();
    const std::string text(delivery.url);
    if (!IsFieldValue(text) ||
        curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_DISALLOW_USER) != CURLUE_OK) {
        return Error{"the URL is malformed, or has a name or a password in it"};
    }
    const std::string scheme = PartOf(url.get(), CURLUPART_SCHEME);
    if (scheme != "https" && scheme != "http") return Error{"the URL is neither https nor http"};
    if (!IsFieldValue(delivery.content_type)) return Error{"the content type is malformed"};
    if (delivery.authentication != Authentication::kNone && delivery.secret.empty()) {
        return Error{"the channel has no secret: set one with pganalytics.set_channel_secret()"};
    }
    if (delivery.authentication == Authentication::kBearer && !IsFieldValue(delivery.secret)) {
        return Error{"the channel's secret has characters that a bearer token cannot have"};
    }
    Target target = TargetOf(url.get());
    std::string path = PartOf(url.get(), CURLUPART_PATH);
    std::unique_ptr<HttpDelivery> made(new HttpDelivery(config, std::move(parcel), std::move(url),
                                                        std::move(target), std::move(path)));
    made->SetRequest(now);
    return std::unique_ptr<Transfer>(std::move(made));
}

HttpDelivery::HttpDelivery(const Config& config, Parcel parcel, UrlPtr url, Target target,
                           std::string path)
    : Transfer(config, std::move(parcel)),
      url_(std::move(url)),
      target_(std::move(target)),
      path_(std::move(path)) {
    Set(CURLOPT_CURLU, url_.get());
    Set(CURLOPT_PROTOCOLS_STR, "https,http");
    Set(CURLOPT_FOLLOWLOCATION, 0L);
    Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    Set(CURLOPT_SSL_VERIFYPEER, 1L);
    Set(CURLOPT_SSL_VERIFYHOST, 2L);
    if (!config_.authorities.empty()) {
        curl_blob blob{const_cast<char*>(config_.authorities.data()), config_.authorities.size(),
                       CURL_BLOB_NOCOPY};
        Set(CURLOPT_CAINFO, nullptr);
        Set(CURLOPT_CAPATH, nullptr);
        Set(CURLOPT_CAINFO_BLOB, &blob);
    }
    Set(CURLOPT_OPENSOCKETFUNCTION, &OpenSocket);
    Set(CURLOPT_OPENSOCKETDATA, this);
    Set(CURLOPT_HEADERFUNCTION, &TakeHeader);
    Set(CURLOPT_HEADERDATA, this);
    Set(CURLOPT_WRITEFUNCTION, &TakeBody);
    Set(CURLOPT_WRITEDATA, this);
}

void HttpDelivery::SetRequest(int64_t now) {
    headers_.Add("Content-Type: " + std::string(delivery().content_type));
    headers_.Add("X-Pganalytics-Delivery: " + DeliveryId(delivery()));
    headers_.Add("Expect:");
    if (delivery().authentication == Authentication::kHmac) {
        headers_.Add("X-Pganalytics-Signature: " +
                     SignatureOf(delivery().secret, delivery().body, now));
    } else if (delivery().authentication == Authentication::kBearer) {
        std::string line = "Authorization: Bearer ";
        line.reserve(line.size() + delivery().secret.size());
        line += delivery().secret;
        headers_.Add(line);
        OPENSSL_cleanse(line.data(), line.size());
    }
    Set(CURLOPT_HTTPHEADER, headers_.get());
    Set(CURLOPT_USERAGENT, config_.user_agent.c_str());
    Set(CURLOPT_POST, 1L);
    Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(delivery().body.size()));
    Set(CURLOPT_POSTFIELDS, delivery().body.data());
}

curl_socket_t HttpDelivery::OpenSocket(void* self, curlsocktype purpose, curl_sockaddr* address) {
    auto* const delivery = static_cast<HttpDelivery*>(self);
    if (purpose != CURLSOCKTYPE_IPCXN) return CURL_SOCKET_BAD;
    const core::Address peer = AddressOf(*address);
    const Verdict verdict = Judge(delivery->config_.allowed_hosts, delivery->target_, peer);
    if (verdict != Verdict::kAllowed) {
        delivery->refused_ = Refusal(verdict, peer);
        return CURL_SOCKET_BAD;
    }
    ++delivery->opened_;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

size_t HttpDelivery::TakeHeader(char* data, size_t size, size_t count, void* self) {
    auto* const delivery = static_cast<HttpDelivery*>(self);
    const size_t bytes = size * count;
    delivery->header_bytes_ += bytes;
    if (delivery->header_bytes_ > kMaxHeaderBytes) return 0;
    const std::string_view line(data, bytes);
    if (line == "\r\n" || line == "\n") delivery->head_is_whole_ = delivery->Status() >= 200;
    return bytes;
}

size_t HttpDelivery::TakeBody(char* data, size_t size, size_t count, void* self) {
    auto* const delivery = static_cast<HttpDelivery*>(self);
    const size_t bytes = size * count;
    if (delivery->body_.size() + bytes > kMaxBodyBytes) return 0;
    delivery->body_.append(data, bytes);
    return bytes;
}

std::string HttpDelivery::Excerpt() const {
    // A receiver may repeat the request in its answer, and the outcome's message must not show a
    // secret. In the URLs of some receivers the path is the password.
    if (!delivery().secret.empty() && body_.find(delivery().secret) != std::string::npos) return {};
    if (path_.size() > 1 && body_.find(path_) != std::string::npos) return {};
    return Printable(body_, kMaxExcerptBytes);
}

Outcome HttpDelivery::Finish(CURLcode result) {
    Outcome outcome;
    if (opened_ == 0 && !refused_.empty()) {
        outcome.outcome = DeliveryOutcome::kDead;
        outcome.message = refused_;
        return outcome;
    }
    if (!head_is_whole_) {
        outcome.message =
            header_bytes_ > kMaxHeaderBytes ? "the head of the answer is too long" : Reason(result);
        if (!refused_.empty()) outcome.message += "; " + refused_;
        return outcome;
    }
    // The head of the answer decides the outcome, even if the body could not be read.
    outcome.status = Status();
    outcome.outcome = OfHttpStatus(outcome.status);
    if (outcome.outcome == DeliveryOutcome::kSent) return outcome;
    curl_off_t seconds = 0;
    curl_easy_getinfo(easy(), CURLINFO_RETRY_AFTER, &seconds);
    if (outcome.outcome == DeliveryOutcome::kAgain) outcome.retry_after_s = RetryAfter(seconds);
    outcome.message = "HTTP status " + std::to_string(outcome.status);
    if (outcome.status >= 300 && outcome.status <= 399) {
        outcome.message += ": redirects are not followed";
    } else if (const std::string excerpt = Excerpt(); !excerpt.empty()) {
        outcome.message += ": " + excerpt;
    }
    return outcome;
}

}  // namespace pganalytics::courier
