#include "gateway/collectors/enrollment.hpp"

#include <cjson/cJSON.h>
#include <openssl/pem.h>

#include <chrono>
#include <memory>
#include <new>

#include "core/text.hpp"
#include "gateway/process/answers.hpp"
#include "gateway/process/json_body.hpp"
#include "gateway/process/receipt.hpp"
#include "http/problem.hpp"
#include "pki/csr.hpp"
#include "pki/files.hpp"

namespace pganalytics::gateway {
namespace {

using core::Error;
using core::Result;
using core::Status;
using http::Response;
using http::Task;
using protocol::EnrollKind;
using protocol::FrameType;
using JsonPtr = std::unique_ptr<cJSON, decltype(&cJSON_Delete)>;

constexpr size_t kMaxSecretBytes = 255;
constexpr size_t kMaxNameBytes = 255;
// Old collectors send some body with a refresh. Its content is ignored, but it is read to keep the
// connection usable.
constexpr size_t kMaxIgnoredBodyBytes = size_t{1} << 20;
// A certificate request has at most 8 KiB in DER (pki::kMaxRequestBytes). In PEM it is a third
// longer.
constexpr size_t kMaxRequestPemBytes = size_t{12} << 10;

// ReadCsr returns the certificate request in a body as DER. It checks that the request is signed
// with its own key, which proves that the sender has that key. Error: 422.
Result<std::string> ReadCsr(const JsonBody& body) {
    auto pem = body.Text("csr", kMaxRequestPemBytes);
    if (!pem) return pem.error();
    auto der = pki::RequestFromPem(*pem);
    if (!der) return Error{"csr: " + der.error().message, 422, "csr"};
    if (auto key = pki::CheckRequest(*der); !key) {
        return Error{"csr: " + key.error().message, 422, "csr"};
    }
    return der;
}

// PemOf writes a key as PKCS #8.
std::string PemOf(EVP_PKEY* key) {
    const pki::BioPtr out(BIO_new(BIO_s_secmem()));
    if (out == nullptr ||
        PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
        throw std::bad_alloc();
    }
    return std::string(pki::BytesOf(out.get()));
}

void AddText(cJSON* object, const char* name, std::string_view text) {
    if (cJSON_AddStringToObject(object, name, std::string(text).c_str()) == nullptr) {
        throw std::bad_alloc();
    }
}

Response SecretResponse(const cJSON* root) {
    const std::unique_ptr<char, decltype(&cJSON_free)> text(cJSON_PrintUnformatted(root),
                                                            &cJSON_free);
    if (text == nullptr) throw std::bad_alloc();
    Response response = http::JsonResponse(200, text.get());
    OPENSSL_cleanse(text.get(), response.body.size());
    response.secret = true;
    return response;
}

// Granted makes the answer with a certificate. A v3 collector must get certificate and key together
// or neither of them: with only one of them all its requests fail.
Response Granted(const protocol::EnrollReply& reply, EVP_PKEY* made_key) {
    const JsonPtr root(cJSON_CreateObject(), &cJSON_Delete);
    AddText(root.get(), "collector_id", core::FormatUuid(reply.collector_id));
    if (!reply.token.empty()) AddText(root.get(), "token", reply.token);
    cJSON* key = nullptr;
    if (!reply.certificate.empty()) {
        AddText(root.get(), "certificate", reply.certificate);
        if (made_key != nullptr) {
            std::string pem = PemOf(made_key);
            key = cJSON_AddStringToObject(root.get(), "private_key", pem.c_str());
            OPENSSL_cleanse(pem.data(), pem.size());
            if (key == nullptr) throw std::bad_alloc();
        }
        AddText(root.get(), "expires_at", FormatTime(reply.expires_at));
    }
    if (made_key == nullptr && !reply.trust.empty()) {
        cJSON_AddItemToObject(root.get(), "trust",
                              cJSON_ParseWithLength(reply.trust.data(), reply.trust.size()));
    }
    Response response = SecretResponse(root.get());
    if (key != nullptr)
        OPENSSL_cleanse(key->valuestring, std::char_traits<char>::length(key->valuestring));
    return response;
}

}  // namespace

Task<Status> EnrollmentService::ReadBody(http::Exchange& exchange, size_t max_bytes) {
    if (Status small = exchange.request().LimitBody(max_bytes); !small) co_return small;
    co_return co_await exchange.ReadBody();
}

Task<Result<JsonBody>> EnrollmentService::ReadJson(http::Exchange& exchange) {
    const Status read = co_await ReadBody(exchange, kMaxSmallBodyBytes);
    if (!read) co_return read.error();
    co_return JsonBody::Parse(exchange.request().body().view());
}

Task<Response> EnrollmentService::Ask(http::Exchange& exchange,
                                      const protocol::EnrollRequest& request, EVP_PKEY* made_key) {
    Answer<protocol::EnrollReply> answer;
    const WorkerAnswer result =
        co_await link_.Ask<FrameType::kEnrollReply>(FrameType::kEnrollRequest, request, &answer);
    if (auto unanswered = Unanswered(result)) co_return std::move(*unanswered);
    const protocol::EnrollReply& reply = answer.message;
    if (reply.status == 200) co_return Granted(reply, made_key);
    const std::string why(reply.message.empty() ? "no certificate is given" : reply.message);
    if (reply.status == 403) co_return Authorizer::Refusal(exchange, why);
    if (reply.status == 503 && reply.retry_after_s == 0) co_return Unavailable(why);
    co_return http::Problem(
        http::ProblemDetails{static_cast<int>(reply.status), why, "", "", reply.retry_after_s});
}

Task<Response> EnrollmentService::Enroll(http::Exchange& exchange) {
    const auto body = co_await ReadJson(exchange);
    if (!body) co_return RefusalOf(body.error());
    const auto token = body->Text("token", kMaxSecretBytes);
    if (!token) co_return RefusalOf(token.error());
    const auto csr = ReadCsr(*body);
    if (!csr) co_return RefusalOf(csr.error());
    protocol::EnrollRequest request;
    request.kind = EnrollKind::kToken;
    request.credential.address = exchange.client();
    request.secret_sha256 = pki::Sha256Of(*token);
    request.csr = *csr;
    request.address = exchange.address();
    co_return co_await Ask(exchange, request, nullptr);
}

Task<Response> EnrollmentService::Renew(http::Exchange& exchange) {
    const protocol::Credential credential = Authorizer::CallerOf(exchange).credential;
    if (protocol::IsZero(credential.certificate_sha256)) {
        refusals_.Add(protocol::RefusalKind::kNothingShown, exchange.client(),
                      credential.token_subject, "POST /api/v1/collectors/renew");
        co_return http::Problem(403, "a client certificate is needed");
    }
    const auto body = co_await ReadJson(exchange);
    if (!body) co_return RefusalOf(body.error());
    const auto csr = ReadCsr(*body);
    if (!csr) co_return RefusalOf(csr.error());
    protocol::EnrollRequest request;
    request.kind = EnrollKind::kRenewal;
    request.credential = credential;
    request.csr = *csr;
    request.address = exchange.address();
    co_return co_await Ask(exchange, request, nullptr);
}

Task<Response> EnrollmentService::Register(http::Exchange& exchange) {
    const std::string_view secret = exchange.request().Header("X-Registration-Secret");
    if (secret.empty() || secret.size() > kMaxSecretBytes) {
        refusals_.Add(protocol::RefusalKind::kNothingShown, exchange.client(), {},
                      "POST /api/v1/collectors/register");
        co_return http::Problem(403, "a registration secret is needed (X-Registration-Secret)");
    }
    protocol::EnrollRequest request;
    request.kind = EnrollKind::kRegistration;
    request.credential.address = exchange.client();
    request.secret_sha256 = pki::Sha256Of(secret);
    const auto body = co_await ReadJson(exchange);
    if (!body) co_return RefusalOf(body.error());
    const auto name = body->Text("name", kMaxNameBytes);
    if (!name) co_return RefusalOf(name.error());
    const auto hostname = body->OptionalText("hostname", kMaxNameBytes);
    if (!hostname) co_return RefusalOf(hostname.error());
    const auto version = body->OptionalText("version", kMaxNameBytes);
    if (!version) co_return RefusalOf(version.error());
    const pki::KeyPtr key(EVP_EC_gen("P-256"));
    if (key == nullptr) throw std::bad_alloc();
    const auto csr = pki::MakeRequest(key.get());
    if (!csr) co_return RefusalOf(Error{csr.error().message, 503});
    request.csr = *csr;
    request.name = *name;
    request.hostname = *hostname;
    request.collector_version = *version;
    request.address = exchange.address();
    co_return co_await Ask(exchange, request, key.get());
}

Task<Response> EnrollmentService::RefreshToken(http::Exchange& exchange) {
    // Copy the credential, because the connection's memo may change while the body arrives.
    const protocol::TokenRequest request{Authorizer::CallerOf(exchange).credential};
    const Status read = co_await ReadBody(exchange, kMaxIgnoredBodyBytes);
    if (!read) co_return RefusalOf(read.error());
    Answer<protocol::TokenReply> answer;
    const WorkerAnswer result =
        co_await link_.Ask<FrameType::kTokenReply>(FrameType::kTokenRequest, request, &answer);
    if (auto unanswered = Unanswered(result)) co_return std::move(*unanswered);
    const protocol::TokenReply& reply = answer.message;
    if (reply.status == 200) co_return TokenResponse(reply.token, reply.expires_at);
    const std::string why(reply.message.empty() ? "no token is given" : reply.message);
    if (reply.status == 403) co_return Authorizer::Refusal(exchange, why);
    co_return RefusalOf(Error{why, static_cast<int>(reply.status)});
}

Task<Response> EnrollmentService::Crl(http::Exchange&) {
    if (identity_.crl().empty()) {
        co_return http::Problem(404, "there is no certificate revocation list here");
    }
    co_return Response{200, "application/pkix-crl", identity_.crl(), {}};
}

Task<Response> EnrollmentService::Trust(http::Exchange&) {
    if (identity_.trust().empty()) co_return http::Problem(404, "there is no authority here");
    co_return http::JsonResponse(200, identity_.trust());
}

}  // namespace pganalytics::gateway
