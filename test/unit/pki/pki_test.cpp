// Tests of certificates and keys in files: what is written, what is loaded, what is refused.
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
#include "pki/facts.hpp"
#include "pki/files.hpp"
#include "pki/identity.hpp"
#include "pki/issue.hpp"
#include "pki/keys.hpp"

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

    void Make() {
        const KeyPtr key = MakeKey();
        const auto certificate = MakeRoot(key.get(), "localhost", {1795000000, 3650});
        ASSERT_TRUE(certificate.ok());
        ASSERT_TRUE(WriteFile(cert_, kCertificateMode, PemOf(certificate.value().get())).ok());
        ASSERT_TRUE(WriteKey(key_, key.get(), NoPassphrase).ok());
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

TEST_F(PkiTest, FilesAppearWholeWithTheirMode) {
    Make();
    struct stat status = {};
    ASSERT_EQ(stat(key_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    // A file that a crash left behind, with another mode, is replaced.
    Write(cert_ + ".new", "half", 0666);
    Make();
    ASSERT_EQ(stat(cert_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0644u);
    EXPECT_FALSE(std::filesystem::exists(cert_ + ".new"));
    Load();
}

TEST_F(PkiTest, AKeyIsNotWrittenThroughALink) {
    const std::string elsewhere = directory_ + "/elsewhere";
    ASSERT_EQ(symlink(elsewhere.c_str(), (key_ + ".new").c_str()), 0);
    const KeyPtr key = MakeKey();
    const auto written = WriteKey(key_, key.get(), NoPassphrase);
    ASSERT_FALSE(written.ok());
    EXPECT_NE(written.error().message.find(key_), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(elsewhere));
}

TEST_F(PkiTest, DirectoryThatDoesNotExist) {
    const auto written = WriteFile(directory_ + "/no/c", kCertificateMode, "x");
    ASSERT_FALSE(written.ok());
    EXPECT_NE(written.error().message.find("No such file"), std::string::npos);
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
    // As in PostgreSQL, a group may read a key that root owns.
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
