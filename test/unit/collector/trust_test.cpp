// Tests of trust documents: which are accepted, which are refused, and that the state directory
// keeps them.
#include "collector/life/trust.hpp"

#include "collector/life/link.hpp"
#include "fake_authority.hpp"

namespace pganalytics::collector {
namespace {

class TrustTest : public testing::Test {
  protected:
    std::string Document(const std::string& version, const std::string& authorities,
                         const std::string& pins) {
        return R"({"version":)" + version + R"(,"authorities":)" + authorities + R"(,"pins":)" +
               pins + "}";
    }
    pki::KeyPtr key_{EVP_EC_gen("P-256")};
    std::string root_ = IssueFor(key_.get(), key_.get(), {});
    std::string quoted_ = "\"" + JsonEscaped(root_) + "\"";
    std::string pin_ = std::string("\"") + kPinA + "\"";
};

TEST_F(TrustTest, ReadsAuthoritiesAndPins) {
    const auto trust = ParseTrust(
        Document("7", "[" + quoted_ + "," + quoted_ + "]", "[" + pin_ + ",\"" + kPinB + "\"]"));
    ASSERT_TRUE(trust.ok()) << trust.error().message;
    EXPECT_EQ(trust->version, 7u);
    EXPECT_EQ(trust->authorities, root_ + root_);
    EXPECT_EQ(trust->pins, *NormalizePin(std::string(kPinA) + ";" + kPinB));
    EXPECT_TRUE(ParseTrust(Document("0", "[]", "[" + pin_ + "]")).ok());
}

TEST_F(TrustTest, SurvivesTheDisk) {
    for (const std::string& with :
         {std::string("[]"), "[" + quoted_ + "]", "[" + quoted_ + "," + quoted_ + "]"}) {
        for (const std::string& pins : {std::string("[]"), "[" + pin_ + "," + pin_ + "]"}) {
            if (with == "[]" && pins == "[]") continue;
            const ServerState state{kUrl, *ParseTrust(Document("3", with, pins))};
            const auto read = ParseServerState(FormatServerState(state));
            ASSERT_TRUE(read.ok()) << read.error().message;
            EXPECT_EQ(*read, state);
        }
    }
    EXPECT_FALSE(ParseServerState("{}").ok());
    EXPECT_FALSE(ParseServerState(R"({"url":"http://x","trust":)" +
                                  Document("1", "[]", "[" + pin_ + "]") + "}")
                     .ok());
}

TEST_F(TrustTest, RefusesWhatItCannotRead) {
    std::string many = "[" + pin_;
    for (int i = 0; i < 16; ++i) many += "," + pin_;
    for (const std::string& wrong :
         {std::string(), std::string("[]"), std::string("{}"),
          Document("-1", "[]", "[" + pin_ + "]"), Document("1.5", "[]", "[" + pin_ + "]"),
          Document("1e300", "[]", "[" + pin_ + "]"), Document("\"1\"", "[]", "[" + pin_ + "]"),
          Document("1", "null", "[" + pin_ + "]"), Document("1", "[" + quoted_ + "]", "{}"),
          Document("1", "[\"x\"]", "[]"), Document("1", "[1]", "[]"), Document("1", "[]", "[1]"),
          Document("1", "[]", "[\"x\"]"), Document("1", "[]", "[\"\"]"),
          Document("1", "[]", many + "]"),
          // With neither authorities nor pins, the system's authorities would verify the server.
          Document("1", "[]", "[]"),
          // An entry with two certificates, and one with a key, are no authorities.
          Document("1", "[\"" + JsonEscaped(root_ + root_) + "\"]", "[]"),
          Document("1", "[\"" + JsonEscaped(root_ + KeyPem(key_.get())) + "\"]", "[]")}) {
        EXPECT_FALSE(ParseTrust(wrong).ok()) << wrong;
    }
}

TEST_F(TrustTest, ConfigurationDecidesAloneIfItSaysAnything) {
    Config config;
    config.url = kUrl;
    config.token = "sesame";
    const ServerState server{kUrl, {1, "PEM", "sha256//x"}};
    Identity identity;
    identity.pem = "certificate and key";
    const Link known = MakeLink(config, identity, server);
    EXPECT_EQ(known.authorities, "PEM");
    EXPECT_EQ(known.pins, "sha256//x");
    EXPECT_EQ(known.identity, "certificate and key");
    EXPECT_EQ(known.token, "sesame");
    EXPECT_EQ(VerifiedBy(known), "the authorities known from enrolment and pin");
    config.ca_file = "/ca";
    const Link configured = MakeLink(config, identity, server);
    EXPECT_EQ(configured.ca_file, "/ca");
    EXPECT_EQ(configured.authorities + configured.pins, "");
    config.ca_file.clear();
    config.pin = "sha256//y";
    EXPECT_EQ(VerifiedBy(MakeLink(config, identity, server)), "pin");
    config.pin.clear();
    EXPECT_EQ(VerifiedBy(MakeLink(config, std::nullopt, std::nullopt)),
              "the system's CA certificates");
}

}  // namespace
}  // namespace pganalytics::collector
