// Tests of certificate and key in the state directory, and of the time of their renewal.
#include "collector/life/identity.hpp"

#include <set>

#include "fake_authority.hpp"

namespace pganalytics::collector {
namespace {

class IdentityTest : public testing::Test {
  protected:
    std::string ErrorOf(const std::string& pem) {
        const auto identity = ParseIdentity(pem);
        return identity.ok() ? "(accepted)" : identity.error().message;
    }
    pki::KeyPtr authority_{EVP_EC_gen("P-256")};
    pki::KeyPtr key_{EVP_EC_gen("P-256")};
};

TEST_F(IdentityTest, ReadsCertificateAndKey) {
    const std::string certificate = IssueFor(key_.get(), authority_.get(), {kCollectorId, kDay});
    for (const std::string& pem :
         {certificate + KeyPem(key_.get()), KeyPem(key_.get()) + certificate,
          certificate + IssueFor(authority_.get(), authority_.get(), {kOtherId}) +
              KeyPem(key_.get())}) {
        const auto identity = ParseIdentity(pem);
        ASSERT_TRUE(identity.ok()) << identity.error().message;
        EXPECT_EQ(core::FormatUuid(identity->collector_id), kCollectorId);
        EXPECT_EQ(identity->not_before, kDay);
        EXPECT_EQ(identity->not_after, 31 * kDay);
        EXPECT_TRUE(identity->serial.starts_with("ab")) << identity->serial;
    }
}

TEST_F(IdentityTest, RefusesWhatIsNotOne) {
    const std::string good = IssueFor(key_.get(), authority_.get(), {});
    EXPECT_EQ(ErrorOf(""), "holds no certificate in PEM");
    EXPECT_EQ(ErrorOf(good), "holds no private key in PEM");
    EXPECT_EQ(ErrorOf(good + KeyPem(authority_.get())),
              "holds a key that is not that of its certificate");
    const std::string key = KeyPem(key_.get());
    for (const Leaf& leaf : {Leaf{"not-a-uuid"}, Leaf{kCollectorId, 0, 30, "serverAuth"}}) {
        EXPECT_TRUE(ErrorOf(IssueFor(key_.get(), authority_.get(), leaf) + key)
                        .starts_with("holds no certificate of a collector"));
    }
}

TEST(RenewAt, IsWhenAThirdIsLeftAndUpToATwentiethLater) {
    Identity identity;
    identity.not_before = 100 * kDay;
    identity.not_after = 130 * kDay;
    std::set<core::TimestampMicros> times;
    for (unsigned char i = 0; i < 200; ++i) {
        identity.collector_id.bytes[15] = i;
        const core::TimestampMicros at = RenewAt(identity);
        EXPECT_GE(at, 120 * kDay);
        EXPECT_LT(at, 120 * kDay + 3 * kDay / 2);
        EXPECT_EQ(at, RenewAt(identity));
        times.insert(at * 10 / (3 * kDay / 2));
    }
    // The times spread over the whole range: some fall into each tenth.
    EXPECT_EQ(times.size(), 10u);
}

TEST(IsRenewalDue, ClockMayBeWrong) {
    Identity identity;
    identity.not_before = 100 * kDay;
    identity.not_after = 130 * kDay;
    const core::TimestampMicros at = RenewAt(identity);
    EXPECT_FALSE(IsRenewalDue(identity, at - 1));
    EXPECT_TRUE(IsRenewalDue(identity, at));
    // The clock was right at the receipt: nothing changes.
    identity.received = 100 * kDay;
    EXPECT_FALSE(IsRenewalDue(identity, at - 1));
    EXPECT_TRUE(IsRenewalDue(identity, at));
    // The clock is ahead by 50 days: renewal is due only every one and a half days, not at each
    // look.
    identity.received = 150 * kDay;
    EXPECT_FALSE(IsRenewalDue(identity, 150 * kDay));
    EXPECT_FALSE(IsRenewalDue(identity, 150 * kDay + 3 * kDay / 2 - 1));
    EXPECT_TRUE(IsRenewalDue(identity, 150 * kDay + 3 * kDay / 2));
    // The clock is behind by 50 days: the time since the receipt counts.
    identity.received = 50 * kDay;
    EXPECT_FALSE(IsRenewalDue(identity, 50 * kDay + (at - identity.not_before) - 1));
    EXPECT_TRUE(IsRenewalDue(identity, 50 * kDay + (at - identity.not_before)));
    // The clock was ahead at the receipt and has been set right: the time of receipt is ignored.
    identity.received = 900 * kDay;
    EXPECT_FALSE(IsRenewalDue(identity, at - 1));
    EXPECT_TRUE(IsRenewalDue(identity, at));
}

TEST_F(IdentityTest, SaysWhenItCame) {
    const std::string pem = IssueFor(key_.get(), authority_.get(), {}) + KeyPem(key_.get());
    EXPECT_EQ(ParseIdentity(pem)->received, 0);
    EXPECT_EQ(ParseIdentity(ReceivedLine(7 * kDay + 5) + pem)->received, 7 * kDay + 5);
    EXPECT_EQ(ParseIdentity("Received: nonsense\n" + pem)->received, 0);
}

TEST(Spread, IsTheSameEverywhere) {
    EXPECT_NEAR(Spread(""), 0.93676944839044, 1e-12);
    EXPECT_NEAR(Spread("01234567-89ab-cdef-0123-456789abcdef"), 0.43760526118119214, 1e-12);
}

}  // namespace
}  // namespace pganalytics::collector
