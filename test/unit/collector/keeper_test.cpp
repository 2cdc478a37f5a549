// Tests of a running collector's certificate and trust over time; the tests move the clock.
#include "collector/enrol/keeper.hpp"

#include "fake_authority.hpp"

namespace pganalytics::collector {
namespace {

class KeeperTest : public StateTest {
  protected:
    void SetUp() override {
        StateTest::SetUp();
        config_.state = std::get<State>(Enrol());
        config_.collector_id = config_.state.identity->collector_id;
        server_.seen.clear();
        server_.csrs.clear();
        keeper_.emplace(config_, &clock_, server_.AsSend());
    }
    std::string Serial() const { return Directory().Load()->identity->serial; }
    bool Tend() { return keeper_->Tend(0.5); }

    std::optional<Keeper> keeper_;
};

TEST_F(KeeperTest, DoesNothingBeforeItsTime) {
    const std::string identity = keeper_->link().identity;
    EXPECT_EQ(identity, config_.state.identity->pem);
    clock_.Move(19 * kDay);
    EXPECT_FALSE(Tend());
    EXPECT_EQ(server_.Paths(), "");
    EXPECT_EQ(keeper_->link().identity, identity);
}

TEST_F(KeeperTest, RenewsAtTwoThirdsOfLifeAndAgain) {
    for (int round = 0; round < 3; ++round) {
        const std::string before = Serial();
        const std::string old_identity = keeper_->link().identity;
        clock_.Move(43 * kDay / 2);
        EXPECT_TRUE(Tend());
        EXPECT_NE(Serial(), before);
        EXPECT_NE(keeper_->link().identity, old_identity);
        EXPECT_EQ(server_.Paths(), "/api/v1/collectors/renew /api/v1/config/self ");
        EXPECT_FALSE(Tend());
        EXPECT_EQ(server_.Paths(), "");
    }
}

TEST_F(KeeperTest, ClockThatIsAheadDoesNotRenewAtEveryLook) {
    server_.issue.not_before_shift = -25 * kDay;
    clock_.Move(22 * kDay);
    EXPECT_TRUE(Tend());
    server_.Paths();
    for (int minute = 0; minute < 60; ++minute) {
        clock_.Move(60 * int64_t{1000000});
        EXPECT_FALSE(Tend());
    }
    EXPECT_EQ(server_.Paths(), "");
    clock_.Move(3 * kDay / 2);
    EXPECT_TRUE(Tend());
}

TEST_F(KeeperTest, FailedRenewalKeepsTheOldOneAndBacksOff) {
    const std::string identity = keeper_->link().identity;
    clock_.Move(22 * kDay);
    server_.answer = [](const Request&) { return FakeServer::NoAnswer("connection refused"); };
    int tries = 0;
    for (int second = 0; second < 60; ++second) {
        EXPECT_FALSE(Tend());
        tries += static_cast<int>(server_.seen.size());
        server_.seen.clear();
        clock_.Move(1000000);
    }
    // Seven tries: the back-offs are half of 1, 2, 4, ... s.
    EXPECT_EQ(tries, 7);
    EXPECT_EQ(keeper_->link().identity, identity);
    server_.answer = nullptr;
    clock_.Move(300 * int64_t{1000000});
    EXPECT_TRUE(Tend());
    EXPECT_NE(keeper_->link().identity, identity);
    // All tries sent the certificate request of the first one.
    EXPECT_EQ(server_.csrs.size(), 1u);
}

TEST_F(KeeperTest, FetchesTrustThatAReceiptSpeaksOf) {
    keeper_->SawTrustVersion(1);
    EXPECT_FALSE(Tend());
    server_.trust_version = 2;
    keeper_->SawTrustVersion(2);
    EXPECT_TRUE(Tend());
    ASSERT_EQ(server_.seen.size(), 2u);
    // The document is fetched over a connection that the old trust verified, and tried before it is
    // stored.
    EXPECT_EQ(server_.seen[0].request.path, "/api/v1/pki/trust");
    EXPECT_EQ(server_.seen[0].link.pins, config_.state.server->trust.pins);
    EXPECT_EQ(server_.seen[1].request.path, "/api/v1/health");
    EXPECT_EQ(Directory().Load()->server->trust.version, 2u);
    // Gateways change one by one, so the former pins are accepted for another minute.
    const std::string pins = *NormalizePin(std::string(kPinA) + ";" + kPinB);
    EXPECT_EQ(keeper_->link().pins, pins + ";" + pins);
    EXPECT_FALSE(Tend());
    clock_.Move(60 * int64_t{1000000});
    EXPECT_FALSE(Tend());
    EXPECT_EQ(keeper_->link().pins, pins);
    keeper_->SawTrustVersion(2);
    EXPECT_FALSE(Tend());
}

TEST_F(KeeperTest, GatewaysThatDisagreeAreNotAskedAtEveryPush) {
    for (int push = 0; push < 10; ++push) {
        keeper_->SawTrustVersion(2);
        EXPECT_FALSE(Tend());  // the server still gives version 1, which is known
    }
    EXPECT_EQ(server_.Paths(), "/api/v1/pki/trust /api/v1/health ");
}

TEST_F(KeeperTest, TrustThatDoesNotVerifyTheServerIsNotTaken) {
    server_.trust_version = 2;
    const pki::KeyPtr other(EVP_EC_gen("P-256"));
    const std::string before = keeper_->link().authorities;
    server_.root = IssueFor(other.get(), other.get(), {});
    server_.answer = [](const Request& request) -> std::optional<Answer> {
        if (request.path != "/api/v1/health") return std::nullopt;
        return FakeServer::NoAnswer("SSL certificate problem: unable to get local issuer");
    };
    keeper_->SawTrustVersion(2);
    EXPECT_FALSE(Tend());
    EXPECT_EQ(keeper_->link().authorities, before);
    EXPECT_EQ(Directory().Load()->server->trust.version, 1u);
    server_.Paths();
    EXPECT_FALSE(Tend());
    EXPECT_EQ(server_.Paths(), "") << "not before the back-off";
}

TEST_F(KeeperTest, TakesOverAnEnrolmentBesideIt) {
    clock_.Move(40 * kDay);  // expired
    server_.answer = [](const Request&) {
        return FakeServer::NoAnswer("alert certificate expired");
    };
    EXPECT_FALSE(Tend());
    server_.answer = nullptr;
    const State again = std::get<State>(Enrol());
    server_.seen.clear();
    EXPECT_TRUE(Tend());
    EXPECT_EQ(keeper_->link().identity, again.identity->pem);
    EXPECT_EQ(server_.Paths(), "");
}

TEST_F(KeeperTest, DoesNotBecomeAnotherCollector) {
    const std::string identity = keeper_->link().identity;
    server_.issue.id = kOtherId;
    Enrol();
    EXPECT_FALSE(Tend());
    EXPECT_EQ(keeper_->link().identity, identity);
}

TEST_F(KeeperTest, LosesNothingWhenTheDirectoryCannotBeRead) {
    const std::string identity = keeper_->link().identity;
    chmod(path_.c_str(), 0777);
    EXPECT_FALSE(Tend());
    EXPECT_EQ(keeper_->link().identity, identity);
}

TEST_F(KeeperTest, WaitsForWhoeverHasTheLock) {
    clock_.Move(22 * kDay);
    {
        const auto lock = StateLock::ToEnrol(Directory());
        EXPECT_FALSE(Tend());
        EXPECT_EQ(server_.Paths(), "");
    }
    clock_.Move(2000000);
    EXPECT_TRUE(Tend());
}

TEST(Keeper, WithoutAStateDirectoryDoesNothing) {
    Config config;
    config.url = kUrl;
    config.token = "sesame";
    MovedClock clock;
    Keeper keeper(config, &clock, [](const Link&, const Request&) -> Answer {
        ADD_FAILURE() << "asked";
        return {};
    });
    keeper.SawTrustVersion(5);
    EXPECT_FALSE(keeper.Tend(0.5));
    EXPECT_EQ(keeper.link().token, "sesame");
}

}  // namespace
}  // namespace pganalytics::collector
