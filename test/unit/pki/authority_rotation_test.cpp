// Tests of the authority's files: they are renewed when due, and a crash between two writes is
// repaired.
#include <gtest/gtest.h>

#include <filesystem>

#include "authority_fixture.hpp"
#include "pki/facts.hpp"
#include "pki/files.hpp"

namespace pganalytics::pki {
namespace {

TEST_F(AuthorityTest, ServerCertificateIsMadeAgainWhenItIsDue) {
    Authority authority = Open();
    const ServerState first = Ensure(&authority);
    const int64_t due = RenewAt(first.certificate.get());
    EXPECT_EQ(Ensure(&authority, due - 1).certificate.get() != nullptr, true);
    EXPECT_EQ(FactsOf(Ensure(&authority, due - 1).certificate.get()).sha256,
              FactsOf(first.certificate.get()).sha256);
    const ServerState second = Ensure(&authority, due);
    EXPECT_EQ(SpkiSha256(second.key.get()), SpkiSha256(first.next_key.get()));
    EXPECT_NE(SpkiSha256(second.next_key.get()), SpkiSha256(first.next_key.get()));
    // When the server's names change the key stays.
    const ServerState third = Ensure(&authority, due, false, {"other"});
    EXPECT_EQ(SpkiSha256(third.key.get()), SpkiSha256(second.key.get()));
    EXPECT_NE(FactsOf(third.certificate.get()).sha256, FactsOf(second.certificate.get()).sha256);
}

TEST_F(AuthorityTest, NothingIsRenewedForNothingNearTheEndOfTheAuthority) {
    Authority authority = Open();
    const int64_t late = NotAfter(authority.certificates()[0].get()) - kDay;
    const ServerState first = Ensure(&authority, late);
    const ServerState again = Ensure(&authority, late + kDay / 2);
    EXPECT_EQ(FactsOf(again.certificate.get()).sha256, FactsOf(first.certificate.get()).sha256);
}

// What was made while the clock was ahead is of no use to clients once the clock is right.
TEST_F(AuthorityTest, ACertificateOfAClockThatWasAheadIsMadeAgain) {
    Authority authority = Open();
    const ServerState first = Ensure(&authority);
    const int64_t ahead = kNow + 365 * kDay;
    const ServerState early = Ensure(&authority, ahead);
    EXPECT_EQ(Verifies(authority, early.certificate.get(), X509_PURPOSE_SSL_SERVER, ahead), "");
    const ServerState mended = Ensure(&authority);
    EXPECT_EQ(Verifies(authority, mended.certificate.get(), X509_PURPOSE_SSL_SERVER), "");
    EXPECT_EQ(SpkiSha256(mended.key.get()), SpkiSha256(early.key.get()));
    EXPECT_EQ(FactsOf(Ensure(&authority).certificate.get()).sha256,
              FactsOf(mended.certificate.get()).sha256);
}

// The authority itself stays: the clock may be behind now. A new certificate would be no better.
TEST_F(AuthorityTest, AnAuthorityOfAClockThatWasAheadStays) {
    const int64_t ahead = kNow + 365 * kDay;
    const ServerState first = [&] {
        Authority authority = Open(ahead);
        EXPECT_FALSE(authority.IsEarly());
        return Ensure(&authority, ahead);
    }();
    Authority early = Open();
    EXPECT_TRUE(early.IsEarly());
    EXPECT_EQ(FactsOf(Ensure(&early).certificate.get()).sha256,
              FactsOf(first.certificate.get()).sha256);
    // An administrator replaces it: the new one signs for the server at once.
    ASSERT_TRUE(early.Rotate().ok());
    EXPECT_FALSE(early.IsEarly());
    EXPECT_EQ(early.ServerIssuer(), 0u);
    const ServerState mended = Ensure(&early);
    EXPECT_EQ(Verifies(early, mended.certificate.get(), X509_PURPOSE_SSL_SERVER), "");
}

TEST_F(AuthorityTest, ReplacedWithAnOverlap) {
    Authority authority = Open();
    Ensure(&authority);
    const std::string old_id = KeyIdOf(authority.certificates()[0].get());
    EXPECT_FALSE(authority.Finish().ok());
    ASSERT_TRUE(authority.Rotate().ok());
    EXPECT_FALSE(authority.Rotate().ok());
    Authority both = Open();
    ASSERT_EQ(both.certificates().size(), 2u);
    EXPECT_EQ(KeyIdOf(both.certificates()[1].get()), old_id);
    EXPECT_NE(KeyIdOf(both.certificates()[0].get()), old_id);
    // During a rotation the old authority still signs the server's certificate, so clients that
    // know only the old authority can verify the server.
    const ServerState server = Ensure(&both, kNow, true);
    EXPECT_EQ(FactsOf(server.certificate.get()).issuer, old_id);
    const KeyPtr key = MakeKey();
    const auto client = MakeCollectorCertificate(KeyOf(&both), key.get(), "x", kUuid, {kNow, 30});
    EXPECT_NE(FactsOf(client.value().get()).issuer, old_id);
    EXPECT_EQ(Verifies(both, client.value().get(), X509_PURPOSE_SSL_CLIENT), "");
    ASSERT_TRUE(both.Finish().ok());
    Authority after = Open();
    ASSERT_EQ(after.certificates().size(), 1u);
    EXPECT_NE(Verifies(after, server.certificate.get(), X509_PURPOSE_SSL_SERVER), "");
    const ServerState renewed = Ensure(&after);
    EXPECT_EQ(Verifies(after, renewed.certificate.get(), X509_PURPOSE_SSL_SERVER), "");
    EXPECT_EQ(SpkiSha256(renewed.key.get()), SpkiSha256(server.key.get()));
}

TEST_F(AuthorityTest, WhenItIsDue) {
    Authority authority = Open();
    EXPECT_FALSE(authority.RotationDue());
    const int64_t due = RenewAt(authority.certificates()[0].get());
    EXPECT_FALSE(Open(due - 1).RotationDue());
    Authority later = Open(due);
    EXPECT_TRUE(later.RotationDue());
    ASSERT_TRUE(later.Rotate().ok());
    const int64_t end = NotAfter(later.certificates()[1].get());
    EXPECT_FALSE(Open(end - 1).FinishDue());
    EXPECT_TRUE(Open(end).FinishDue());
    // Close to its end the old authority no longer signs the server's certificate.
    EXPECT_EQ(Open(due).ServerIssuer(), 1u);
    EXPECT_EQ(Open(end - 30 * kDay).ServerIssuer(), 0u);
}

TEST_F(AuthorityTest, ACrashWithinARotationIsMended) {
    {
        Authority authority = Open();
        Ensure(&authority);
    }
    const Files before = Read();
    {
        Authority authority = Open();
        ASSERT_TRUE(authority.Rotate().ok());
    }
    const Files after = Read();
    // The states are those between two writes of Rotate, in their order.
    Files state = before;
    std::vector<Files> states = {state};
    state[kNextAuthorityKeyFile] = after.at(kAuthorityKeyFile);
    states.push_back(state);
    state[kOldAuthorityKeyFile] = after.at(kOldAuthorityKeyFile);
    states.push_back(state);
    state[kAuthorityFile] = after.at(kAuthorityFile);
    states.push_back(state);
    state[kAuthorityKeyFile] = state[kNextAuthorityKeyFile];
    state.erase(kNextAuthorityKeyFile);
    EXPECT_EQ(state, after);
    for (size_t i = 0; i < states.size(); ++i) {
        Write(states[i]);
        Authority authority = Open();
        EXPECT_EQ(authority.IsReplaced(), i == 3) << i;
        for (size_t j = 0; j < authority.certificates().size(); ++j) KeyOf(&authority, j);
        EXPECT_EQ(Read(), i == 3 ? after : before) << i;
    }
}

TEST_F(AuthorityTest, ACrashWithinAChangeOfTheServerCertificateIsMended) {
    Authority authority = Open();
    Ensure(&authority);
    const Files before = Read();
    const ServerState rotated = Ensure(&authority, kNow, true);
    const Files after = Read();
    Files state = before;
    state[kServerFile] = after.at(kServerFile);
    std::vector<Files> states = {state};
    state[kServerKeyFile] = state[kNextServerKeyFile];
    state.erase(kNextServerKeyFile);
    states.push_back(state);
    for (const Files& files : states) {
        Write(files);
        Authority again = Open();
        const ServerState mended = Ensure(&again);
        EXPECT_EQ(SpkiSha256(mended.key.get()), SpkiSha256(rotated.key.get()));
        EXPECT_EQ(FactsOf(mended.certificate.get()).sha256,
                  FactsOf(rotated.certificate.get()).sha256);
        EXPECT_EQ(Read().size(), after.size());
    }
    // If the server's key is lost, the next key replaces it, because collectors know its pin.
    Write(before);
    std::filesystem::remove(directory_ + "/" + kServerKeyFile);
    Authority again = Open();
    EXPECT_EQ(SpkiSha256(Ensure(&again).key.get()), SpkiSha256(rotated.key.get()));
}

TEST_F(AuthorityTest, AKeyLeftByACrashIsUsed) {
    { Authority authority = Open(); }
    const std::string key = Read().at(kAuthorityKeyFile);
    std::filesystem::remove(directory_ + "/" + kAuthorityFile);
    Authority authority = Open();
    KeyOf(&authority);
    EXPECT_EQ(Read().at(kAuthorityKeyFile), key);
}

}  // namespace
}  // namespace pganalytics::pki
