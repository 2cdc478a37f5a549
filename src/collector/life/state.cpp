// Reads and writes the files of the state directory.
#include "collector/life/state.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "collector/life/secret.hpp"
#include "pki/csr.hpp"
#include "pki/files.hpp"

namespace pganalytics::collector {
namespace {

using core::Error;
using core::Result;
using core::Status;
using core::Unit;

constexpr char kIdentityFile[] = "identity.pem";
constexpr char kServerFile[] = "server.json";
constexpr char kRequestFile[] = "request.pem";

Error Named(const std::string& file, const Error& error) {
    return {"\"" + file + "\" " + error.message};
}

Result<std::string> MakeKeyPem(EVP_PKEY* key) {
    const pki::BioPtr out(BIO_new(BIO_s_secmem()));
    if (out == nullptr ||
        PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
        return Error{"could not make a private key: " + pki::OpensslError()};
    }
    return std::string(pki::BytesOf(out.get()));
}

Result<std::string> MakeRequestPem(EVP_PKEY* key) {
    const Result<std::string> der = pki::MakeRequest(key);
    if (!der) return der.error();
    const pki::BioPtr out(BIO_new(BIO_s_mem()));
    if (out == nullptr || PEM_write_bio(out.get(), "CERTIFICATE REQUEST", "",
                                        reinterpret_cast<const unsigned char*>(der->data()),
                                        static_cast<long>(der->size())) == 0) {
        return Error{"could not make a certificate request: " + pki::OpensslError()};
    }
    return std::string(pki::BytesOf(out.get()));
}

// ReadRequest returns std::nullopt if the content is not a key and a request for it; the caller
// then makes new ones.
std::optional<CertificateRequest> ReadRequest(const std::string& content) {
    const size_t csr = content.find("-----BEGIN CERTIFICATE REQUEST-----");
    if (csr == content.npos) return std::nullopt;
    const CertificateRequest request{content.substr(0, csr), content.substr(csr) + "\n"};
    const pki::BioPtr in(
        BIO_new_mem_buf(request.key_pem.data(), static_cast<int>(request.key_pem.size())));
    const pki::KeyPtr key(
        PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, const_cast<char*>("")));
    const Result<std::string> der = pki::RequestFromPem(request.csr_pem);
    const Result<pki::KeyPtr> asked = der ? pki::CheckRequest(*der) : der.error();
    const bool good = key != nullptr && asked && EVP_PKEY_eq(key.get(), asked->get()) == 1;
    pki::OpensslError();
    if (!good) return std::nullopt;
    return request;
}

}  // namespace

Status StateDirectory::Prepare() const {
    if (mkdir(path_.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
        return Denied("cannot make state directory", path_);
    }
    return CheckDirectory();
}

Status StateDirectory::CheckDirectory() const {
    struct stat status {};
    if (stat(path_.c_str(), &status) != 0) {
        return Denied("cannot read state directory", path_);
    }
    if (!S_ISDIR(status.st_mode)) return Error{"\"" + path_ + "\" is not a directory"};
    // Whoever can write to the directory decides which server the collector trusts.
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return Error{"others can write to state directory \"" + path_ + "\": chmod go-w " + path_};
    }
    return Unit{};
}

Result<State> StateDirectory::Load() const {
    State state;
    const Result<bool> here = pki::Exists(path_);
    if (!here) return here.error();
    if (!*here) return state;
    if (const Status good = CheckDirectory(); !good) return good.error();
    // A directory that we may not search hides whether there is a certificate.
    if (access(path_.c_str(), X_OK) != 0) return Denied("cannot read state directory", path_);
    const Result<bool> enrolled = pki::Exists(File(kIdentityFile));
    if (!enrolled) return enrolled.error();
    if (*enrolled) {
        const Result<std::string> pem = ReadSecretFile(File(kIdentityFile));
        if (!pem) return pem.error();
        Result<Identity> identity = ParseIdentity(*pem + "\n");
        if (!identity) return Named(File(kIdentityFile), identity.error());
        state.identity = std::move(*identity);
    }
    const Result<bool> knows_server = pki::Exists(File(kServerFile));
    if (!knows_server) return knows_server.error();
    if (*knows_server) {
        const Result<pki::BioPtr> json = pki::ReadFile("state file", File(kServerFile));
        if (!json) return json.error();
        Result<ServerState> server = ParseServerState(pki::BytesOf(json->get()));
        if (!server) return Named(File(kServerFile), server.error());
        state.server = std::move(*server);
    }
    return state;
}

std::string StateDirectory::Version() const {
    std::string version;
    for (const char* name : {kIdentityFile, kServerFile}) {
        struct stat status {};
        // Each write replaces the file by a rename, which changes inode number and change time.
        if (stat(File(name).c_str(), &status) == 0) {
            version += std::to_string(status.st_ino) + "." + std::to_string(status.st_ctim.tv_sec) +
                       "." + std::to_string(status.st_ctim.tv_nsec);
        }
        version += ';';
    }
    return version;
}

Result<CertificateRequest> StateDirectory::EnsureRequest() const {
    const std::string file = File(kRequestFile);
    if (const Result<std::string> content = ReadSecretFile(file); content) {
        if (auto request = ReadRequest(*content)) return *request;
    }
    const pki::KeyPtr key(EVP_EC_gen("P-256"));
    if (key == nullptr) return Error{"could not make a private key: " + pki::OpensslError()};
    const Result<std::string> key_pem = MakeKeyPem(key.get());
    if (!key_pem) return key_pem.error();
    const Result<std::string> csr_pem = MakeRequestPem(key.get());
    if (!csr_pem) return csr_pem.error();
    if (const Status kept = pki::WriteFile(file, pki::kKeyMode, *key_pem + *csr_pem); !kept) {
        return kept.error();
    }
    return CertificateRequest{*key_pem, *csr_pem};
}

Status StateDirectory::DropRequest() const { return pki::RemoveFile(File(kRequestFile)); }

Status StateDirectory::SaveServer(const ServerState& server) const {
    return pki::WriteFile(File(kServerFile), pki::kCertificateMode, FormatServerState(server));
}

Status StateDirectory::SaveIdentity(const Identity& identity) const {
    if (const Status kept = pki::WriteFile(File(kIdentityFile), pki::kKeyMode, identity.pem);
        !kept) {
        return kept.error();
    }
    return DropRequest();
}

Result<StateLock> StateLock::Take(const std::string& file, const std::string& held) {
    const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0) return Denied("cannot open", file);
    StateLock lock(fd);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) return Error{held};
    return lock;
}

Result<StateLock> StateLock::ToEnrol(const StateDirectory& directory) {
    return Take(directory.path() + "/lock",
                "another pganalytics-collector is asking for a certificate with \"" +
                    directory.path() + "\"");
}

Result<StateLock> StateLock::ToPush(const StateDirectory& directory) {
    const std::string file = directory.path() + "/run.lock";
    return Take(file, "another pganalytics-collector runs with state directory \"" +
                          directory.path() + "\" (fuser " + file +
                          " names its process): stop it, or give this one a state_dir and an "
                          "identity of its own");
}

StateLock::StateLock(StateLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

StateLock::~StateLock() {
    if (fd_ >= 0) close(fd_);
}

}  // namespace pganalytics::collector
