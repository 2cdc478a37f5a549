// Tests of the authority: its certificates verify, for their purpose alone, and its key files.
#include "pki/authority.hpp"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "authority_fixture.hpp"
#include "pki/facts.hpp"
#include "pki/files.hpp"

namespace pganalytics::pki {
namespace {

TEST_F(AuthorityTest, WhatItIssuesVerifiesForItsPurposeAlone) {
    Authority authority = Open();
    const Issuer issuer = KeyOf(&authority);
    const KeyPtr key = MakeKey();
    const auto collector = MakeCollectorCertificate(issuer, key.get(), "prod-1", kUuid, {kNow, 30});
    ASSERT_TRUE(collector.ok());
    X509* const client = collector.value().get();
    EXPECT_EQ(Verifies(authority, client, X509_PURPOSE_SSL_CLIENT), "");
    EXPECT_NE(Verifies(authority, client, X509_PURPOSE_SSL_SERVER), "");
    EXPECT_EQ(Verifies(authority, client, X509_PURPOSE_SSL_CLIENT, kNow - 299), "");
    EXPECT_NE(Verifies(authority, client, X509_PURPOSE_SSL_CLIENT, kNow - 301), "");
    EXPECT_EQ(Verifies(authority, client, X509_PURPOSE_SSL_CLIENT, kNow + 30 * kDay - 1), "");
    EXPECT_NE(Verifies(authority, client, X509_PURPOSE_SSL_CLIENT, kNow + 30 * kDay + 1), "");
    const ServerState server = Ensure(&authority);
    EXPECT_EQ(Verifies(authority, server.certificate.get(), X509_PURPOSE_SSL_SERVER), "");
    EXPECT_NE(Verifies(authority, server.certificate.get(), X509_PURPOSE_SSL_CLIENT), "");
    for (const char* name : {"db1", "localhost"}) {
        EXPECT_EQ(X509_check_host(server.certificate.get(), name, 0, 0, nullptr), 1) << name;
    }
    EXPECT_EQ(X509_check_ip_asc(server.certificate.get(), "127.0.0.1", 0), 1);
    EXPECT_EQ(X509_check_host(server.certificate.get(), "db2", 0, 0, nullptr), 0);
}

TEST_F(AuthorityTest, CertificatesNameTheRevocationList) {
    constexpr char kUrl[] = "http://pki.example.com/a,b.crl";
    Authority authority = Open();
    const ServerState without = Ensure(&authority);
    EXPECT_TRUE(HasCrlUrl(without.certificate.get(), ""));
    EXPECT_FALSE(HasCrlUrl(without.certificate.get(), kUrl));
    crl_url_ = kUrl;
    Authority again = Open();
    const KeyPtr key = MakeKey();
    const auto leaf = MakeCollectorCertificate(KeyOf(&again), key.get(), "leaf", kUuid, {kNow, 30});
    ASSERT_TRUE(leaf.ok());
    EXPECT_TRUE(HasCrlUrl(leaf.value().get(), kUrl));
    EXPECT_FALSE(HasCrlUrl(leaf.value().get(), ""));
    EXPECT_FALSE(HasCrlUrl(leaf.value().get(), "http://pki.example.com/a"));
    // The server's certificate is made anew, once, for the same key.
    const ServerState with = Ensure(&again);
    EXPECT_TRUE(HasCrlUrl(with.certificate.get(), kUrl));
    EXPECT_EQ(SpkiSha256(with.key.get()), SpkiSha256(without.key.get()));
    EXPECT_EQ(X509_cmp(Ensure(&again).certificate.get(), with.certificate.get()), 0);
    EXPECT_EQ(Verifies(again, with.certificate.get(), X509_PURPOSE_SSL_SERVER), "");
    crl_url_ = "";
    Authority last = Open();
    EXPECT_TRUE(HasCrlUrl(Ensure(&last).certificate.get(), ""));
}

TEST_F(AuthorityTest, WhatItIssuesIssuesNothing) {
    Authority authority = Open();
    const KeyPtr key = MakeKey();
    const KeyPtr other = MakeKey();
    const auto leaf =
        MakeCollectorCertificate(KeyOf(&authority), key.get(), "leaf", kUuid, {kNow, 30});
    const auto forged = MakeCollectorCertificate({leaf.value().get(), key.get()}, other.get(), "x",
                                                 kUuid, {kNow, 30});
    ASSERT_TRUE(forged.ok());
    const StorePtr store(X509_STORE_new());
    X509_STORE_add_cert(store.get(), authority.certificates()[0].get());
    STACK_OF(X509)* const chain = sk_X509_new_null();
    sk_X509_push(chain, leaf.value().get());
    const std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX_free>> context(X509_STORE_CTX_new());
    X509_STORE_CTX_init(context.get(), store.get(), forged.value().get(), chain);
    X509_STORE_CTX_set_time(context.get(), 0, kNow);
    EXPECT_NE(X509_verify_cert(context.get()), 1);
    sk_X509_free(chain);
}

TEST_F(AuthorityTest, NothingOutlivesItsAuthority) {
    Authority authority = Open();
    const KeyPtr key = MakeKey();
    const int64_t end = NotAfter(authority.certificates()[0].get());
    const auto late =
        MakeCollectorCertificate(KeyOf(&authority), key.get(), "x", kUuid, {end - kDay, 30});
    ASSERT_TRUE(late.ok());
    EXPECT_EQ(NotAfter(late.value().get()), end);
    EXPECT_FALSE(
        MakeCollectorCertificate(KeyOf(&authority), key.get(), "x", kUuid, {end + kDay, 30}).ok());
}

TEST_F(AuthorityTest, NamesFitTheSubject) {
    Authority authority = Open();
    const KeyPtr key = MakeKey();
    auto subject_of = [&](const std::string& name) {
        const auto made =
            MakeCollectorCertificate(KeyOf(&authority), key.get(), name, kUuid, {kNow, 30});
        return made.ok() ? FactsOf(made.value().get()).subject : made.error().message;
    };
    EXPECT_EQ(subject_of(std::string(200, 'x')), "CN=" + std::string(64, 'x'));
    // The 64-byte limit falls inside the two-byte character, so the name is cut before it.
    EXPECT_EQ(subject_of(std::string(63, 'x') + "\xC3\xA9"), "CN=" + std::string(63, 'x'));
    EXPECT_EQ(subject_of("a,b=c+d\n/CN=admin"), "CN=a\\,b=c\\+d\\0A/CN=admin");
    EXPECT_EQ(subject_of("db\xC3\xA9"), "CN=db\xC3\xA9");
}

TEST_F(AuthorityTest, NamesThatAreNoneAreLeftOut) {
    Authority authority = Open();
    const ServerState server =
        Ensure(&authority, kNow, false,
               {"a,IP:10.0.0.1", "db1", "DNS:x", "*.example.org", "db1", "a b", ""});
    EXPECT_EQ(X509_check_ip_asc(server.certificate.get(), "10.0.0.1", 0), 0);
    EXPECT_TRUE(HasServerNames(server.certificate.get(), {"db1", "*.example.org"}));
    EXPECT_FALSE(HasServerNames(server.certificate.get(), {"db1"}));
    EXPECT_FALSE(HasServerNames(server.certificate.get(), {"*.example.org", "db1"}));
}

TEST_F(AuthorityTest, WhatIsThereStays) {
    {
        Authority authority = Open();
        Ensure(&authority);
    }
    const Files before = Read();
    Authority authority = Open(kNow + 30 * kDay);
    Ensure(&authority, kNow + 30 * kDay);
    EXPECT_EQ(Read(), before);
    EXPECT_EQ(before.size(), 5u);
}

TEST_F(AuthorityTest, AGoodServerCertificateStaysWhenTheKeyOfTheAuthorityIsGone) {
    Authority authority = Open();
    const ServerState first = Ensure(&authority);
    std::filesystem::remove(directory_ + "/" + kAuthorityKeyFile);
    Authority again = Open();
    const ServerState second = Ensure(&again, RenewAt(first.certificate.get()));
    EXPECT_EQ(FactsOf(second.certificate.get()).sha256, FactsOf(first.certificate.get()).sha256);
    EXPECT_NE(second.problem.find("server certificate was not renewed"), std::string::npos);
    // No other authority is made: collectors would refuse its certificates.
    EXPECT_FALSE(again.KeyOf(0).ok());
    EXPECT_FALSE(std::filesystem::exists(directory_ + "/" + kAuthorityKeyFile));
}

TEST_F(AuthorityTest, KeysAreEncryptedWithAPassphrase) {
    const Secret right("correct horse");
    const Secret wrong("wrong");
    int asked = 0;
    passphrase_ = [&]() -> core::Result<const Secret*> {
        ++asked;
        return &right;
    };
    {
        Authority authority = Open();
        Ensure(&authority);
    }
    EXPECT_TRUE(Read().at(kAuthorityKeyFile).starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    EXPECT_TRUE(Read().at(kServerKeyFile).starts_with("-----BEGIN PRIVATE KEY-----"));
    // Nothing is due, so the passphrase is not asked for.
    asked = 0;
    Authority authority = Open();
    Ensure(&authority);
    EXPECT_EQ(asked, 0);
    KeyOf(&authority);
    EXPECT_GT(asked, 0);
    auto error_with = [this](PassphraseSource source) {
        passphrase_ = std::move(source);
        Authority one = Open();
        const auto issuer = one.KeyOf(0);
        return issuer.ok() ? "" : issuer.error().message;
    };
    EXPECT_NE(error_with([&]() -> core::Result<const Secret*> {
                  return &wrong;
              }).find("could not be decrypted with the passphrase"),
              std::string::npos);
    EXPECT_NE(error_with(NoPassphrase).find("is protected by a passphrase"), std::string::npos);
    EXPECT_EQ(error_with([]() -> core::Result<const Secret*> {
                  return core::Error{"the command failed"};
              }),
              "the command failed");
}

TEST_F(AuthorityTest, KeysOfOthersAreRefused) {
    { Authority authority = Open(); }
    const KeyPtr other = MakeKey();
    ASSERT_TRUE(WriteKey(directory_ + "/" + kAuthorityKeyFile, other.get(), NoPassphrase).ok());
    Authority authority = Open();
    const auto issuer = authority.KeyOf(0);
    ASSERT_FALSE(issuer.ok());
    EXPECT_NE(issuer.error().message.find("does not belong to the first certificate"),
              std::string::npos);
    chmod((directory_ + "/" + kAuthorityKeyFile).c_str(), 0644);
    EXPECT_NE(authority.KeyOf(0).error().message.find("group or world access"), std::string::npos);
}

TEST_F(AuthorityTest, AGivenAuthorityIssuesAndIsNotReplaced) {
    const KeyPtr key = MakeKey();
    const auto root = MakeRoot(key.get(), "Corporate CA", {kNow, 3650});
    const std::string cert_file = directory_ + "/corporate.crt";
    const std::string key_file = directory_ + "/corporate.key";
    ASSERT_TRUE(WriteFile(cert_file, kCertificateMode, PemOf(root.value().get())).ok());
    ASSERT_TRUE(WriteKey(key_file, key.get(), NoPassphrase).ok());
    AuthorityOptions options{directory_, cert_file, key_file, "x", 3650, kNow, NoPassphrase, ""};
    auto authority = Authority::Open(options, &notes_);
    ASSERT_TRUE(authority.ok());
    EXPECT_FALSE(authority->Rotate().ok());
    const ServerState server = Ensure(&*authority);
    EXPECT_EQ(Verifies(*authority, server.certificate.get(), X509_PURPOSE_SSL_SERVER), "");
    EXPECT_FALSE(std::filesystem::exists(directory_ + "/" + kAuthorityFile));
    // A server certificate cannot serve as the authority.
    options.cert_file = directory_ + "/" + kServerFile;
    EXPECT_FALSE(Authority::Open(options, &notes_).ok());
    options.cert_file.clear();
    EXPECT_FALSE(Authority::Open(options, &notes_).ok());
}

using CrlPtr = std::unique_ptr<X509_CRL, Freer<X509_CRL_free>>;

TEST_F(AuthorityTest, RevocationLists) {
    Authority authority = Open();
    const Issuer issuer = KeyOf(&authority);
    const auto der =
        MakeCrl(issuer, 7, kNow, kNow + 7 * kDay,
                {{"ff", kNow - 10, 1}, {"0a", kNow - 20, 0}, {"7fffffffffffffff", 5, 9}});
    ASSERT_TRUE(der.ok()) << der.error().message;
    const auto* next = reinterpret_cast<const unsigned char*>(der.value().data());
    const CrlPtr crl(d2i_X509_CRL(nullptr, &next, static_cast<long>(der.value().size())));
    ASSERT_NE(crl, nullptr);
    EXPECT_EQ(X509_CRL_verify(crl.get(), issuer.key), 1);
    EXPECT_EQ(X509_CRL_get_version(crl.get()), 1);
    EXPECT_EQ(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl.get())), 3);
    const auto numbers = CrlNumbers(CrlPem(*der) + CrlPem(*der));
    ASSERT_EQ(numbers.size(), 2u);
    EXPECT_EQ(numbers[1].number, 7);
    EXPECT_EQ(numbers[1].issuer, KeyIdOf(issuer.certificate));
    EXPECT_TRUE(CrlNumbers("no list").empty());
    for (const Revoked& bad :
         {Revoked{"", kNow, 0}, Revoked{"xy", kNow, 0}, Revoked{"1", kNow, 7},
          Revoked{"1", kNow, 6}, Revoked{"1", kNow, 11}, Revoked{std::string(41, '1'), kNow, 0}}) {
        EXPECT_FALSE(MakeCrl(issuer, 1, kNow, kNow + 1, {bad}).ok()) << bad.serial << bad.reason;
    }
}

}  // namespace
}  // namespace pganalytics::pki
