// Certificate and key as they stand in the state directory, and when they are renewed.
#include "collector/identity.hpp"

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
    // Spread over the whole range: each tenth of it has some.
    EXPECT_EQ(times.size(), 10u);
}

TEST(Spread, IsTheSameEverywhere) {
    EXPECT_NEAR(Spread(""), 0.93676944839044, 1e-12);
    EXPECT_NEAR(Spread("01234567-89ab-cdef-0123-456789abcdef"), 0.43760526118119214, 1e-12);
}

}  // namespace
}  // namespace pganalytics::collector
