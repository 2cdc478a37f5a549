// Tests of certificates and keys in files: what is made, what is loaded, what is refused.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/text.hpp"
#include "pki/identity.hpp"
#include "pki/self_signed.hpp"

namespace pganalytics::pki {
namespace {

class PkiTest : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/pki_test.XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        directory_ = name;
        cert_ = directory_ + "/server.crt";
        key_ = directory_ + "/server.key";
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    void Make(const std::string& host = "db1.example.org") {
        const auto made = EnsureSelfSigned(cert_, key_, host);
        ASSERT_TRUE(made.ok()) << made.error().message;
        ASSERT_TRUE(*made);
    }
    ServerIdentity Load() {
        auto identity = LoadServerIdentity(cert_, key_);
        EXPECT_TRUE(identity.ok()) << identity.error().message;
        return identity.ok() ? std::move(*identity) : ServerIdentity{};
    }
    std::string LoadError() {
        const auto identity = LoadServerIdentity(cert_, key_);
        EXPECT_FALSE(identity.ok());
        return identity.ok() ? "" : identity.error().message;
    }
    static void Write(const std::string& file, const std::string& text, mode_t mode = 0600) {
        std::ofstream(file) << text;
        chmod(file.c_str(), mode);
    }

    std::string directory_, cert_, key_;
};

TEST_F(PkiTest, MadeCertificateIsForThisHost) {
    Make();
    const ServerIdentity identity = Load();
    X509* certificate = identity.certificate.get();
    for (const char* host : {"localhost", "db1.example.org"}) {
        EXPECT_EQ(X509_check_host(certificate, host, 0, 0, nullptr), 1) << host;
    }
    EXPECT_EQ(X509_check_host(certificate, "db2.example.org", 0, 0, nullptr), 0);
    for (const char* address : {"127.0.0.1", "::1"}) {
        EXPECT_EQ(X509_check_ip_asc(certificate, address, 0), 1) << address;
    }
    int days = 0;
    int seconds = 0;
    ASSERT_EQ(ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate)), 1);
    EXPECT_GE(days, 3650);
    EXPECT_EQ(EVP_PKEY_get_bits(identity.key.get()), 256);
    EXPECT_EQ(X509_verify(certificate, identity.key.get()), 1);
    EXPECT_EQ(X509_check_purpose(certificate, X509_PURPOSE_SSL_SERVER, 0), 1);
    EXPECT_EQ(identity.sha256, Fingerprint(certificate));
    EXPECT_EQ(identity.sha256.size(), 64u);
}

TEST_F(PkiTest, MadeKeyIsPrivate) {
    Make();
    struct stat status = {};
    ASSERT_EQ(stat(key_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(PkiTest, HostNamesThatAreNoNamesAreLeftOut) {
    Make("x,IP:10.0.0.1");
    EXPECT_EQ(X509_check_ip_asc(Load().certificate.get(), "10.0.0.1", 0), 0);
}

TEST_F(PkiTest, LongHostNamesFitTheSubject) {
    const std::string host = std::string(60, 'h') + ".example.org";
    Make(host);
    EXPECT_EQ(X509_check_host(Load().certificate.get(), host.c_str(), 0, 0, nullptr), 1);
}

TEST_F(PkiTest, WhatExistsIsKept) {
    Make();
    const std::string before = Load().sha256;
    const auto again = EnsureSelfSigned(cert_, key_, "other");
    ASSERT_TRUE(again.ok());
    EXPECT_FALSE(*again);
    EXPECT_EQ(Load().sha256, before);
}

TEST_F(PkiTest, AKeyLeftByACrashIsUsed) {
    Make();
    std::ifstream first(key_);
    const std::string key((std::istreambuf_iterator<char>(first)), {});
    ASSERT_EQ(unlink(cert_.c_str()), 0);
    Make();
    std::ifstream second(key_);
    EXPECT_EQ(std::string((std::istreambuf_iterator<char>(second)), {}), key);
    Load();
}

TEST_F(PkiTest, AKeyIsNotWrittenThroughALink) {
    const std::string elsewhere = directory_ + "/elsewhere";
    ASSERT_EQ(symlink(elsewhere.c_str(), (key_ + ".new").c_str()), 0);
    const auto made = EnsureSelfSigned(cert_, key_, "h");
    ASSERT_FALSE(made.ok());
    EXPECT_NE(made.error().message.find(key_), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(elsewhere));
}

TEST_F(PkiTest, DirectoryThatDoesNotExist) {
    const auto made = EnsureSelfSigned(directory_ + "/no/c", directory_ + "/no/k", "h");
    ASSERT_FALSE(made.ok());
    EXPECT_NE(made.error().message.find("No such file"), std::string::npos);
}

TEST_F(PkiTest, MissingFilesAreNamed) {
    EXPECT_EQ(LoadError(),
              "could not open certificate file \"" + cert_ + "\": No such file or directory");
    Make();
    unlink(key_.c_str());
    EXPECT_EQ(LoadError(),
              "could not open private key file \"" + key_ + "\": No such file or directory");
}

TEST_F(PkiTest, AKeyOfAnotherCertificateIsNamed) {
    Make();
    const KeyPtr other(EVP_EC_gen("P-256"));
    const BioPtr out(BIO_new_file(key_.c_str(), "w"));
    ASSERT_EQ(
        PEM_write_bio_PrivateKey(out.get(), other.get(), nullptr, nullptr, 0, nullptr, nullptr), 1);
    BIO_flush(out.get());
    EXPECT_EQ(LoadError(), "private key file \"" + key_ +
                               "\" does not belong to certificate file \"" + cert_ + "\"");
}

TEST_F(PkiTest, AKeyThatOthersMayReadIsRefused) {
    Make();
    for (const mode_t mode : {0644, 0604, 0620, 0660}) {
        chmod(key_.c_str(), mode);
        EXPECT_NE(LoadError().find("group or world access"), std::string::npos) << mode;
    }
    // As PostgreSQL has it: a group may read a key that root owns.
    chmod(key_.c_str(), 0640);
    EXPECT_EQ(LoadServerIdentity(cert_, key_).ok(), geteuid() == 0);
}

TEST_F(PkiTest, FilesThatAreNoPemAreRefused) {
    Make();
    Write(cert_, "");
    EXPECT_NE(LoadError().find("holds no PEM certificate"), std::string::npos);
    Write(cert_, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    EXPECT_NE(LoadError().find("could not read certificate file"), std::string::npos);
    Write(cert_, std::string(5 << 20, 'x'));
    EXPECT_NE(LoadError().find("at most 4 MB"), std::string::npos);
}

TEST_F(PkiTest, ChainIsLoadedInOrder) {
    Make();
    std::ifstream file(cert_);
    const std::string pem((std::istreambuf_iterator<char>(file)), {});
    Write(cert_, pem + pem + pem);
    EXPECT_EQ(Load().chain.size(), 2u);
    const auto authorities = LoadAuthorities(cert_);
    ASSERT_TRUE(authorities.ok());
    EXPECT_EQ(authorities->size(), 3u);
}

TEST(Sha256, KnownAnswers) {
    const core::Sha256 abc = Sha256Of("abc");
    EXPECT_EQ(core::Hex({reinterpret_cast<const char*>(abc.bytes), 32}),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(Sha256Of({"a", "", "bc"}), abc);
}

}  // namespace
}  // namespace pganalytics::pki
