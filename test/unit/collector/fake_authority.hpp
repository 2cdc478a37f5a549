// FakeServer for tests of enrolment: an authority in memory, and the answers of the real routes.
#pragma once

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "collector/enrol/enrollment.hpp"
#include "collector/life/config_values.hpp"
#include "core/clock.hpp"
#include "pki/csr.hpp"
#include "pki/files.hpp"

namespace pganalytics::collector {

inline constexpr char kCollectorId[] = "01234567-89ab-cdef-0123-456789abcdef";
inline constexpr char kOtherId[] = "ffffffff-89ab-cdef-0123-456789abcdef";
inline constexpr char kUrl[] = "https://db.example.com:8443";
inline constexpr char kPinA[] = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
inline constexpr char kPinB[] = "sha256/57DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
inline constexpr int64_t kDay = int64_t{86400} * 1000000;

// MovedClock stands still until a test moves it.
class MovedClock final : public core::Clock {
  public:
    core::TimestampMicros Now() const override { return now; }
    std::chrono::steady_clock::time_point Steady() const override { return steady; }
    void Move(int64_t micros) {
        now += micros;
        steady += std::chrono::microseconds(micros);
    }
    core::TimestampMicros now = 800000000000000;
    std::chrono::steady_clock::time_point steady{};
};

struct Leaf {
    std::string id = kCollectorId;
    core::TimestampMicros not_before = 0;
    int64_t days = 30;
    std::string usage = "clientAuth";
    int64_t not_before_shift = 0;  // added to not_before, as if the server's clock differed
};

// IssueFor gives a certificate in PEM for a key, signed by `authority`.
inline std::string IssueFor(EVP_PKEY* key, EVP_PKEY* authority, const Leaf& leaf) {
    static long serial = 0xabc0;
    const pki::CertPtr certificate(X509_new());
    X509* x509 = certificate.get();
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
    const time_t begin = leaf.not_before / 1000000 + core::kPostgresEpochUnixSeconds;
    ASN1_TIME_set(X509_getm_notBefore(x509), begin);
    ASN1_TIME_set(X509_getm_notAfter(x509), begin + leaf.days * 86400);
    X509_set_pubkey(x509, key);
    const std::pair<int, std::string> extensions[] = {
        {NID_subject_alt_name, "URI:urn:uuid:" + leaf.id},
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_ext_key_usage, leaf.usage}};
    for (const auto& [nid, value] : extensions) {
        const pki::ExtensionPtr extension(
            X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()));
        X509_add_ext(x509, extension.get(), -1);
    }
    X509_sign(x509, authority, EVP_sha256());
    const pki::BioPtr out(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(out.get(), x509);
    return std::string(pki::BytesOf(out.get()));
}

inline std::string KeyPem(EVP_PKEY* key) {
    const pki::BioPtr out(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    return std::string(pki::BytesOf(out.get()));
}

inline std::string JsonEscaped(const std::string& pem) {
    std::string text;
    for (const char c : pem) text += c == '\n' ? std::string("\\n") : std::string(1, c);
    return text;
}

// FakeServer answers requests and records them.
class FakeServer {
  public:
    explicit FakeServer(const MovedClock* clock) : clock_(clock), key(EVP_EC_gen("P-256")) {
        root = IssueFor(key.get(), key.get(), {kOtherId, clock->now, 3650, "serverAuth"});
    }

    struct Seen {
        Link link;
        Request request;
    };

    // Trust is the trust document of version trust_version, with its pins.
    std::string Trust() const {
        return R"({"version":)" + std::to_string(trust_version) + R"(,"authorities":[")" +
               JsonEscaped(root) + R"("],"pins":[")" + kPinA + R"(",")" + kPinB + R"("]})";
    }

    Answer Send(const Link& link, const Request& request) {
        seen.push_back({link, request});
        if (answer) {
            if (const auto own = answer(request)) return *own;
        }
        if (request.path == "/api/v1/pki/trust") return Of(200, Trust());
        if (request.path == "/api/v1/health") return Of(200, "{}");
        if (request.path.starts_with("/api/v1/config/")) return Of(200, "");
        const std::string begin = "-----BEGIN CERTIFICATE REQUEST";
        std::string csr = request.body.substr(request.body.find(begin));
        csr.resize(csr.find('"'));
        for (size_t at; (at = csr.find("\\n")) != csr.npos;) csr.replace(at, 2, "\n");
        csrs.push_back(csr);
        const auto der = pki::RequestFromPem(csr);
        const auto asked = pki::CheckRequest(*der);
        return Of(200, R"({"collector_id":")" + issue.id + R"(","certificate":")" +
                           JsonEscaped(IssueFor(asked->get(), key.get(),
                                                {issue.id, clock_->now + issue.not_before_shift,
                                                 issue.days, issue.usage})) +
                           R"(","expires_at":"2027-01-01T00:00:00Z","trust":)" + Trust() + "}");
    }

    collector::Send AsSend() {
        return [this](const Link& link, const Request& request) { return Send(link, request); };
    }

    static Answer Of(int status, const std::string& body) {
        Answer answer;
        answer.status = status;
        answer.body = body;
        return answer;
    }
    static Answer NoAnswer(const std::string& error) {
        Answer answer;
        answer.error = error;
        return answer;
    }

    // Paths returns the paths of the requests so far, separated by blanks, and clears the record.
    std::string Paths() {
        std::string paths;
        for (const Seen& one : seen) paths += one.request.path + " ";
        seen.clear();
        return paths;
    }

  private:
    const MovedClock* clock_;

  public:
    pki::KeyPtr key;
    std::string root;
    int trust_version = 1;
    Leaf issue;
    std::function<std::optional<Answer>(const Request&)> answer;
    std::vector<Seen> seen;
    std::vector<std::string> csrs;
};

// StateTest has a state directory and a FakeServer.
class StateTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "stateXXXXXX";
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        path_ = pattern;
        config_.state_dir = path_;
        config_.url = kUrl;
        link_.url = kUrl;
        link_.pins = *NormalizePin(kPinA);
    }
    void TearDown() override { std::filesystem::remove_all(path_); }

    std::string Read(const std::string& name) const {
        const auto bio = pki::ReadFile("file", path_ + "/" + name);
        return bio.ok() ? std::string(pki::BytesOf(bio->get())) : "";
    }
    bool Has(const std::string& name) const { return std::filesystem::exists(path_ + "/" + name); }
    StateDirectory Directory() const { return StateDirectory(path_); }

    Outcome<State> Enrol() {
        return Enroll(link_, "pga_once", config_, Directory(), clock_.now, server_.AsSend());
    }

    MovedClock clock_;
    FakeServer server_{&clock_};
    std::string path_;
    Config config_;
    Link link_;
};

}  // namespace pganalytics::collector
