// Tests of secret files: who may read them, what they hold.
#include "collector/life/secret.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace pganalytics::collector {
namespace {

class SecretFile : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "secretXXXXXX";
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        directory_ = pattern;
        path_ = directory_ + "/token";
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    void Write(const std::string& content, mode_t mode) {
        std::ofstream(path_) << content;
        chmod(path_.c_str(), mode);
    }

    std::string directory_;
    std::string path_;
};

TEST_F(SecretFile, GivesTheContentWithoutItsLineBreak) {
    Write("sesame \r\n", 0600);
    const auto secret = ReadSecretFile(path_);
    ASSERT_TRUE(secret.ok()) << secret.error().message;
    EXPECT_EQ(*secret, "sesame ");
}

TEST_F(SecretFile, RefusesWhatOthersCanReadAndSaysHowToMendIt) {
    for (const mode_t mode : {0640, 0604, 0620, 0610}) {
        Write("sesame", mode);
        const auto secret = ReadSecretFile(path_);
        ASSERT_FALSE(secret.ok()) << mode;
        EXPECT_NE(secret.error().message.find("chmod 0600 " + path_), std::string::npos);
        EXPECT_EQ(secret.error().message.find("sesame"), std::string::npos);
    }
}

TEST_F(SecretFile, TheGroupMayReadACredentialOfSystemd) {
    Write("sesame", 0440);
    EXPECT_FALSE(ReadSecretFile(path_).ok());
    setenv("CREDENTIALS_DIRECTORY", directory_.c_str(), 1);
    EXPECT_TRUE(ReadSecretFile(path_).ok());
    for (const mode_t mode : {0444, 0460}) {
        Write("sesame", mode);
        EXPECT_FALSE(ReadSecretFile(path_).ok()) << mode;
    }
    Write("sesame", 0440);
    setenv("CREDENTIALS_DIRECTORY", (directory_ + "/to").c_str(), 1);
    EXPECT_FALSE(ReadSecretFile(path_).ok()) << "another path begins with the directory's name";
    setenv("CREDENTIALS_DIRECTORY", "", 1);
    EXPECT_FALSE(ReadSecretFile(path_).ok()) << "no directory";
    setenv("CREDENTIALS_DIRECTORY", (directory_ + "/below").c_str(), 1);
    std::filesystem::create_directory(directory_ + "/below");
    EXPECT_FALSE(ReadSecretFile(directory_ + "/below/../token").ok()) << "outside after all";
    unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_F(SecretFile, RefusesWhatIsMissingEmptyLongOrNoFile) {
    EXPECT_FALSE(ReadSecretFile(path_).ok());
    Write("\n", 0600);
    EXPECT_FALSE(ReadSecretFile(path_).ok());
    Write(std::string(65537, 'x'), 0600);
    EXPECT_FALSE(ReadSecretFile(path_).ok());
    EXPECT_FALSE(ReadSecretFile(directory_).ok());
    std::filesystem::remove(path_);
    ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
    EXPECT_FALSE(ReadSecretFile(path_).ok());
}

}  // namespace
}  // namespace pganalytics::collector
