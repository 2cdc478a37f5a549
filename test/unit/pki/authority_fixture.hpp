// AuthorityTest has an authority in its own directory, for tests of issuing and of replacing the
// authority.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "pki/authority.hpp"
#include "pki/issue.hpp"
#include "pki/server_files.hpp"

namespace pganalytics::pki {

inline constexpr int64_t kNow = 1795000000;  // 2026-11-18
inline constexpr int64_t kDay = 86400;
inline constexpr char kUuid[] = "0b9d3e1a-6a0e-4b0f-8a39-6c1f0c4c7d11";

using Files = std::map<std::string, std::string>;

class AuthorityTest : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/authority_test.XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        directory_ = name;
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    core::Result<Authority> TryOpen(int64_t now = kNow) {
        AuthorityOptions options;
        options.directory = directory_;
        options.name = "Test CA";
        options.crl_url = crl_url_;
        options.lifetime_days = 3650;
        options.now = now;
        options.passphrase = passphrase_;
        return Authority::Open(std::move(options), &notes_);
    }
    Authority Open(int64_t now = kNow) {
        auto authority = TryOpen(now);
        EXPECT_TRUE(authority.ok()) << authority.error().message;
        return std::move(*authority);
    }
    Issuer KeyOf(Authority* authority, size_t index = 0) {
        auto issuer = authority->KeyOf(index);
        EXPECT_TRUE(issuer.ok()) << issuer.error().message;
        return *issuer;
    }
    ServerState Ensure(Authority* authority, int64_t now = kNow, bool rotate = false,
                       std::vector<std::string> names = {"db1", "localhost", "127.0.0.1"}) {
        ServerOptions options;
        options.directory = directory_;
        options.names = std::move(names);
        options.days = 90;
        options.now = now;
        options.rotate = rotate;
        auto state = EnsureServer(options, authority, &notes_);
        EXPECT_TRUE(state.ok()) << state.error().message;
        return std::move(*state);
    }

    Files Read() const {
        Files files;
        for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
            std::ifstream in(entry.path());
            files[entry.path().filename()] = {std::istreambuf_iterator<char>(in), {}};
        }
        return files;
    }
    void Write(const Files& files) const {
        std::filesystem::remove_all(directory_);
        std::filesystem::create_directory(directory_);
        for (const auto& [name, text] : files) {
            const std::string path = directory_ + "/" + name;
            std::ofstream(path) << text;
            chmod(path.c_str(), 0600);
        }
    }

    std::string directory_;
    std::string crl_url_;
    std::vector<std::string> notes_;
    PassphraseSource passphrase_ = NoPassphrase;
};

// Verifies returns the reason why a certificate does not verify for a purpose; "" if it does.
inline std::string Verifies(const Authority& authority, X509* certificate, int purpose,
                            int64_t now = kNow) {
    const StorePtr store(X509_STORE_new());
    for (const CertPtr& one : authority.certificates()) X509_STORE_add_cert(store.get(), one.get());
    const std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX_free>> context(X509_STORE_CTX_new());
    X509_STORE_CTX_init(context.get(), store.get(), certificate, nullptr);
    X509_STORE_CTX_set_purpose(context.get(), purpose);
    X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_X509_STRICT);
    X509_STORE_CTX_set_time(context.get(), 0, now);
    if (X509_verify_cert(context.get()) == 1) return "";
    return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

}  // namespace pganalytics::pki
