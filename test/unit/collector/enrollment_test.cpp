// Tests of enrolment and renewal against a server in memory: the requests, the files that are kept,
// and the files after a failure.
#include "collector/enrol/enrollment.hpp"

#include <sys/stat.h>

#include <fstream>

#include "fake_authority.hpp"

namespace pganalytics::collector {
namespace {

using Enrollment = StateTest;

std::string MessageOf(const Outcome<State>& outcome) {
    const Failure* failure = std::get_if<Failure>(&outcome);
    return failure == nullptr ? "(enrolled)" : failure->message;
}

std::string KeyOf(const std::string& pem) { return pem.substr(pem.find("-----BEGIN PRIVATE")); }

mode_t ModeOf(const std::string& path) {
    struct stat status {};
    return stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

TEST_F(Enrollment, KeepsKeyCertificateAndTrust) {
    const auto outcome = Enrol();
    ASSERT_EQ(MessageOf(outcome), "(enrolled)");
    EXPECT_EQ(server_.Paths(), "/api/v1/pki/trust /api/v1/health /api/v1/collectors/enroll ");
    const auto state = Directory().Load();
    ASSERT_TRUE(state.ok()) << state.error().message;
    EXPECT_EQ(core::FormatUuid(state->identity->collector_id), kCollectorId);
    EXPECT_EQ(state->server->url, kUrl);
    EXPECT_EQ(state->server->trust, *ParseTrust(server_.Trust()));
    EXPECT_EQ(*state->identity, *std::get<State>(outcome).identity);
    EXPECT_EQ(ModeOf(path_ + "/identity.pem"), 0600u);
    EXPECT_FALSE(Has("request.pem"));
}

TEST_F(Enrollment, TokenStaysHereUntilTheServerIsVerifiedTwice) {
    // The connection is not verified: the first request, which carries no token, fails.
    server_.answer = [](const Request&) { return FakeServer::NoAnswer("public key is another"); };
    EXPECT_EQ(MessageOf(Enrol()), "the server's trust document: public key is another");
    for (const auto& seen : server_.seen) EXPECT_EQ(seen.request.body, "");
    server_.seen.clear();
    // The server's own trust document does not verify it: the second request, still without the
    // token, fails.
    server_.answer = [](const Request& request) -> std::optional<Answer> {
        if (request.path != "/api/v1/health") return std::nullopt;
        return FakeServer::NoAnswer("no alternative certificate subject name matches");
    };
    EXPECT_NE(MessageOf(Enrol()).find("not verified by the authorities"), std::string::npos);
    ASSERT_EQ(server_.seen.size(), 2u);
    EXPECT_EQ(server_.seen[1].link.authorities, server_.root);
    EXPECT_EQ(server_.seen[1].link.pins, *NormalizePin(std::string(kPinA) + ";" + kPinB));
    for (const auto& seen : server_.seen) EXPECT_EQ(seen.request.body, "");
    EXPECT_FALSE(Has("identity.pem"));
}

TEST_F(Enrollment, AsksAgainWithTheSameRequest) {
    server_.answer = [this](const Request& request) -> std::optional<Answer> {
        if (request.path != "/api/v1/collectors/enroll") return std::nullopt;
        EXPECT_EQ(ModeOf(path_ + "/request.pem"), 0600u);  // the key is on disk before it is used
        return FakeServer::NoAnswer("connection reset");
    };
    Enrol();
    const std::string waiting = Read("request.pem");
    EXPECT_NE(waiting.find("PRIVATE KEY"), std::string::npos);
    server_.answer = nullptr;
    ASSERT_EQ(MessageOf(Enrol()), "(enrolled)");
    ASSERT_EQ(server_.csrs.size(), 1u);
    EXPECT_NE(waiting.find(server_.csrs[0]), std::string::npos);
    const std::string key = waiting.substr(0, waiting.find("-----BEGIN CERTIFICATE REQUEST"));
    EXPECT_NE(Read("identity.pem").find(key), std::string::npos);
}

TEST_F(Enrollment, LaterKeepsTheRequestAndNeverDropsIt) {
    int status = 0;
    server_.answer = [&](const Request& request) -> std::optional<Answer> {
        if (request.path != "/api/v1/collectors/enroll") return std::nullopt;
        Answer answer = FakeServer::Of(status, R"({"title":"no","detail":"because"})");
        answer.retry_after = Millis(7000);
        return answer;
    };
    for (const int later : {429, 500, 503}) {
        status = later;
        const auto outcome = Enrol();
        EXPECT_EQ(std::get<Failure>(outcome).status, later);
        EXPECT_EQ(std::get<Failure>(outcome).retry_after, Millis(7000));
        EXPECT_TRUE(Has("request.pem")) << later;
    }
    for (const int never : {400, 403, 409, 422}) {
        status = never;
        EXPECT_EQ(MessageOf(Enrol()), "HTTP status " + std::to_string(never) + ": no: because");
        EXPECT_FALSE(Has("request.pem")) << never;
    }
    EXPECT_FALSE(Has("identity.pem"));
}

TEST_F(Enrollment, MakesAnotherRequestInPlaceOfABrokenOne) {
    std::ofstream(path_ + "/request.pem") << "half a fi";
    chmod((path_ + "/request.pem").c_str(), 0600);
    EXPECT_EQ(MessageOf(Enrol()), "(enrolled)");
}

TEST_F(Enrollment, ServerThatAnswersNonsenseChangesNothing) {
    ASSERT_EQ(MessageOf(Enrol()), "(enrolled)");
    const std::string before = Read("identity.pem") + Read("server.json");
    const pki::KeyPtr other(EVP_EC_gen("P-256"));
    const std::string foreign = JsonEscaped(IssueFor(other.get(), server_.key.get(), {}));
    for (const std::string& body :
         {std::string(""), std::string("{}"), std::string(R"({"certificate":"x","trust":{}})"),
          R"({"certificate":"x","trust":)" + server_.Trust() + "}",
          // A certificate for another key than the collector's.
          R"({"certificate":")" + foreign + R"(","trust":)" + server_.Trust() + "}"}) {
        server_.answer = [&](const Request& request) -> std::optional<Answer> {
            if (request.path != "/api/v1/collectors/enroll") return std::nullopt;
            return FakeServer::Of(200, body);
        };
        EXPECT_NE(MessageOf(Enrol()), "(enrolled)") << body;
        EXPECT_EQ(Read("identity.pem") + Read("server.json"), before);
    }
}

TEST_F(Enrollment, RenewalTriesTheNewCertificateBeforeItCounts) {
    const State first = std::get<State>(Enrol());
    const std::string before = Read("identity.pem");
    server_.seen.clear();
    server_.answer = [](const Request& request) -> std::optional<Answer> {
        if (!request.path.starts_with("/api/v1/config/")) return std::nullopt;
        return FakeServer::Of(403, R"({"title":"not on record"})");
    };
    EXPECT_EQ(MessageOf(Renew(first, config_, Directory(), clock_.now, server_.AsSend())),
              "the new certificate is not accepted yet: HTTP status 403: not on record");
    EXPECT_EQ(Read("identity.pem"), before);
    server_.answer = nullptr;
    server_.seen.clear();
    const auto outcome = Renew(first, config_, Directory(), clock_.now, server_.AsSend());
    ASSERT_EQ(MessageOf(outcome), "(enrolled)");
    ASSERT_EQ(server_.seen.size(), 2u);
    EXPECT_EQ(server_.seen[0].request.path, "/api/v1/collectors/renew");
    EXPECT_EQ(server_.seen[0].link.identity, first.identity->pem);
    EXPECT_EQ(server_.seen[1].link.identity, std::get<State>(outcome).identity->pem);
    EXPECT_NE(server_.seen[1].link.identity, first.identity->pem);
    EXPECT_EQ(Read("identity.pem"), server_.seen[1].link.identity);
    // The new certificate is for a new key.
    EXPECT_NE(KeyOf(Read("identity.pem")), KeyOf(before));
}

TEST_F(Enrollment, RenewalForAnotherCollectorIsRefused) {
    const State first = std::get<State>(Enrol());
    const std::string before = Read("identity.pem");
    server_.issue.id = kOtherId;
    EXPECT_EQ(MessageOf(Renew(first, config_, Directory(), clock_.now, server_.AsSend())),
              "the new certificate is another collector's");
    EXPECT_EQ(Read("identity.pem"), before);
}

TEST_F(Enrollment, StateThatOthersCanTouchIsRefused) {
    Enrol();
    chmod((path_ + "/identity.pem").c_str(), 0640);
    EXPECT_NE(Directory().Load().error().message.find("mode is 0640"), std::string::npos);
    chmod((path_ + "/identity.pem").c_str(), 0600);
    chmod(path_.c_str(), 0777);
    EXPECT_NE(Directory().Load().error().message.find("chmod go-w"), std::string::npos);
    chmod(path_.c_str(), 0700);
    std::ofstream(path_ + "/server.json") << "{}";
    EXPECT_NE(Directory().Load().error().message.find("server.json"), std::string::npos);
    std::ofstream(path_ + "/identity.pem") << "x";
    EXPECT_NE(Directory().Load().error().message.find("identity.pem"), std::string::npos);
    EXPECT_FALSE(StateDirectory(path_ + "/none").Load()->identity);
}

TEST_F(Enrollment, OneAtATime) {
    const auto lock = StateLock::ToEnrol(Directory());
    ASSERT_TRUE(lock.ok()) << lock.error().message;
    EXPECT_FALSE(StateLock::ToEnrol(Directory()).ok());
}

}  // namespace
}  // namespace pganalytics::collector
