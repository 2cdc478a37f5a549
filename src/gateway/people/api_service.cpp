#include "gateway/people/api_service.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

#include "gateway/identity/authorize.hpp"
#include "gateway/process/answers.hpp"
#include "gateway/process/header_text.hpp"
#include "gateway/process/receipt.hpp"
#include "http/problem.hpp"
#include "pki/client_certificate.hpp"
#include "protocol/token_text.hpp"

namespace pganalytics::gateway {
namespace {

using core::Status;
using http::Problem;
using http::ProblemDetails;
using http::Response;
using http::Task;

constexpr size_t kMaxRoleBytes = 63;  // NAMEDATALEN - 1 of PostgreSQL
// A health request does not wait longer than this for a busy worker.
constexpr std::chrono::seconds kHealthTimeout{2};

// Asker is the sender of a request. A person has session_id and role, from the token of a session.
// A program that scrapes metrics has a scrape_token, or is certified by its certificate.
struct Asker : http::ConnectionMemo {
    core::Uuid session_id;
    std::string role;
    core::Sha256 scrape_token;
    bool certified = false;
};

int64_t UnixNow() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

// Unauthorized makes a 401 response. It names the authentication scheme, as RFC 9110 section 15.5.2
// requires.
Response Unauthorized(std::string_view detail, bool bad_token) {
    Response response = Problem(401, detail);
    response.headers.emplace_back("WWW-Authenticate",
                                  bad_token ? R"(Bearer realm="pganalytics", error="invalid_token")"
                                            : R"(Bearer realm="pganalytics")");
    return response;
}

// IsFieldText returns whether the text can stand between the brackets or quotes of a header field.
bool IsFieldText(std::string_view text) {
    return !text.empty() && text.find_first_of("<>\"\\") == std::string_view::npos &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

Response ResponseOf(const protocol::ApiReply& reply, bool with_token) {
    const int status = static_cast<int>(reply.status);
    if (status == 401) return Unauthorized(reply.body, with_token);
    if (status >= 400) {
        return Problem(
            ProblemDetails{status, std::string(reply.body), "", "", reply.retry_after_s});
    }
    Response response{status, std::string(reply.content_type), std::string(reply.body), {}};
    response.secret = true;
    // The worker percent-encodes the address of the next page. So a text that could end the header
    // field is not an address: leave it out.
    if (IsFieldText(reply.next)) {
        response.headers.emplace_back("Link", "<" + std::string(reply.next) + ">; rel=\"next\"");
    }
    if (IsFieldText(reply.file_name)) {
        response.headers.emplace_back(
            "Content-Disposition", "attachment; filename=\"" + std::string(reply.file_name) + '"');
    }
    return response;
}

bool IsJson(std::string_view content_type) {
    const std::string_view type = Trim(content_type.substr(0, content_type.find(';')));
    return EqualsIgnoringCase(type, "application/json");
}

}  // namespace

Task<std::optional<Response>> ApiService::Authorize(http::Exchange& exchange,
                                                    const http::Route& route) {
    exchange.memo().reset();
    co_return ReadAsker(exchange, route);
}

std::optional<Response> ApiService::ReadAsker(http::Exchange& exchange, const http::Route& route) {
    const bool scrapes = route.access == http::Access::kScraper;
    if (scrapes && metrics_access_ == protocol::MetricsAccess::kAnyone) return std::nullopt;
    if (scrapes && !exchange.request().HasHeader("Authorization") &&
        exchange.stream().Peer() != nullptr) {
        return ReadCertificate(exchange, route);
    }
    const std::string_view token = BearerToken(exchange.request().Header("Authorization"));
    if (token.empty()) {
        refusals_.Add(protocol::RefusalKind::kNothingShown, exchange.client(), {},
                      RouteName(route));
        return Unauthorized(scrapes ? "a bearer token or a client certificate is needed"
                                    : "a bearer token is needed; log in",
                            false);
    }
    if (!scrapes || pki::LooksSigned(token)) return ReadPerson(exchange, route, token);
    auto scraper = std::make_unique<Asker>();
    scraper->scrape_token = pki::Sha256Of(token);
    exchange.memo() = std::move(scraper);
    return std::nullopt;
}

// ReadCertificate checks the client certificate again at every request, because it may have expired
// or been revoked since the handshake.
std::optional<Response> ApiService::ReadCertificate(http::Exchange& exchange,
                                                    const http::Route& route) {
    const X509* const peer = exchange.stream().Peer();
    const auto refuse = [&](protocol::RefusalKind kind, const char* why) {
        refusals_.Add(kind, exchange.client(), {}, RouteName(route));
        Response refusal = Unauthorized(why, false);
        refusal.close = true;
        return refusal;
    };
    if (identity_.IsRevoked(pki::CertificateSha256(peer))) {
        return refuse(protocol::RefusalKind::kCertificateRevoked,
                      "the client certificate is revoked");
    }
    if (X509_cmp_current_time(X509_get0_notAfter(peer)) < 0) {
        return refuse(protocol::RefusalKind::kCertificateExpired,
                      "the client certificate has expired");
    }
    auto scraper = std::make_unique<Asker>();
    scraper->certified = true;
    exchange.memo() = std::move(scraper);
    return std::nullopt;
}

std::optional<Response> ApiService::ReadPerson(http::Exchange& exchange, const http::Route& route,
                                               std::string_view token) {
    const auto refuse = [&](protocol::RefusalKind kind) {
        refusals_.Add(kind, exchange.client(), {}, RouteName(route));
    };
    const auto claims = identity_.tokens().Verify(token, protocol::kApiAudience, UnixNow());
    if (!claims) {
        // Do not count an expired token as a refusal, because every token of a person expires
        // within minutes.
        if (claims.error().kind != core::ErrorKind::kExpired) {
            refuse(protocol::RefusalKind::kTokenForged);
        }
        return Unauthorized(claims.error().message, true);
    }
    if (!claims->session || claims->certificate || claims->subject.size() > kMaxRoleBytes) {
        refuse(protocol::RefusalKind::kTokenForged);
        return Unauthorized("the token is not one of a session", true);
    }
    auto person = std::make_unique<Asker>();
    person->session_id = *claims->session;
    person->role = claims->subject;
    exchange.memo() = std::move(person);
    return std::nullopt;
}

Task<Response> ApiService::AskWorker(const protocol::ApiRequest& request,
                                     std::chrono::seconds timeout) {
    Answer<protocol::ApiReply> answer;
    const WorkerAnswer outcome = co_await link_.Ask<protocol::FrameType::kApiReply>(
        protocol::FrameType::kApiRequest, request, &answer, timeout);
    if (outcome == WorkerAnswer::kTimedOut) {
        log_.Line(Log::Kind::kWorker, true, "the worker has not answered a person in time");
    }
    std::optional<Response> unanswered = Unanswered(outcome);
    if (unanswered) co_return std::move(*unanswered);
    const bool with_token = !request.role.empty() || !protocol::IsZero(request.scrape_token);
    Response response = ResponseOf(answer.message, with_token);
    if (!answer.payload.empty()) OPENSSL_cleanse(answer.payload.data(), answer.payload.size());
    co_return response;
}

Task<Response> ApiService::Forward(http::Exchange& exchange) {
    http::RequestParser& request = exchange.request();
    // Read the header fields before the body, because trailers of a chunked body may move them in
    // memory.
    const bool has_type = request.HasHeader("Content-Type");
    const Response wrong_type =
        Problem(415, "a body is application/json, without Content-Encoding");
    if ((has_type && !IsJson(request.Header("Content-Type"))) ||
        !Trim(request.Header("Content-Encoding")).empty()) {
        co_return wrong_type;
    }
    const Status read = co_await exchange.ReadBody();
    if (!read) co_return RefusalOf(read.error());
    core::Buffer& body = request.body();
    if (!body.empty() && !has_type) co_return wrong_type;
    protocol::ApiRequest question;
    if (const auto* const asker = static_cast<const Asker*>(exchange.memo().get())) {
        question.session_id = asker->session_id;
        question.role = asker->role;
        question.scrape_token = asker->scrape_token;
        question.scrape_certified = asker->certified ? 1 : 0;
    }
    const std::string_view method = request.method();
    question.method = method == "HEAD" ? "GET" : method;
    question.path = request.path();
    question.query = request.query();
    question.body = body.view();
    question.address = exchange.address();
    co_return co_await AskWorker(question, kAnswerTimeout);
}

Task<Response> ApiService::ForwardStranger(http::Exchange& exchange) {
    // Forget the sender of the connection's previous request, because this request may have another
    // sender.
    exchange.memo().reset();
    co_return co_await Forward(exchange);
}

Task<Response> ApiService::Health(http::Exchange& exchange) {
    protocol::ApiRequest question;
    question.method = "GET";
    question.path = exchange.request().path();
    question.query = exchange.request().query();
    question.address = exchange.address();
    Response response = co_await AskWorker(question, kHealthTimeout);
    if (response.status == 200 || response.status == 400) co_return response;
    std::string document = R"({"status":"unavailable","timestamp":")" + FormatTime(UnixNow()) +
                           R"(","uptime":null,"database_ok":false})";
    co_return http::JsonResponse(503, std::move(document));
}

}  // namespace pganalytics::gateway
