#include "pki/self_signed.hpp"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "pki/files.hpp"

namespace pganalytics::pki {
namespace {

using core::Error;
using core::Result;
using core::Status;

constexpr long kTenYearsInSeconds = 3652L * 86400;
// Clocks of collectors may be behind ours.
constexpr long kBackdateSeconds = 86400;
constexpr size_t kMaxCommonName = 64;  // ub-common-name, RFC 5280 appendix A.1

// Descriptor closes on leaving; a lock taken on it goes with it.
class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

  private:
    int fd_;
};

Error FileError(const char* what, const std::string& file) {
    return {std::string("could not ") + what + " file \"" + file + "\": " + std::strerror(errno)};
}

bool AddExtension(X509* certificate, int nid, const std::string& value) {
    const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()));
    return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// IsDnsName guards the configuration syntax that X509V3_EXT_conf_nid reads.
bool IsDnsName(const std::string& name) {
    if (name.empty() || name.size() > 253) return false;
    for (const char c : name) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_') return false;
    }
    return true;
}

Result<CertPtr> MakeCertificate(EVP_PKEY* key, const std::string& host_name) {
    const std::string host = IsDnsName(host_name) ? host_name : "localhost";
    CertPtr certificate(X509_new());
    X509* x509 = certificate.get();
    unsigned char serial[16];
    bool good = x509 != nullptr && RAND_bytes(serial, sizeof(serial)) == 1;
    serial[0] &= 0x7F;
    serial[0] |= 0x40;  // positive, and never shorter
    BIGNUM* number = BN_bin2bn(serial, sizeof(serial), nullptr);
    good = good && number != nullptr &&
           BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != nullptr;
    BN_free(number);
    const std::string common_name = host.substr(0, kMaxCommonName);
    X509_NAME* name = good ? X509_get_subject_name(x509) : nullptr;
    std::string names = "DNS:localhost,IP:127.0.0.1,IP:::1";
    if (host != "localhost") names += ",DNS:" + host;
    good = good && X509_set_version(x509, X509_VERSION_3) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(x509), -kBackdateSeconds) != nullptr &&
           X509_gmtime_adj(X509_getm_notAfter(x509), kTenYearsInSeconds) != nullptr &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(common_name.c_str()),
                                      -1, -1, 0) == 1 &&
           X509_set_issuer_name(x509, name) == 1 && X509_set_pubkey(x509, key) == 1 &&
           AddExtension(x509, NID_subject_alt_name, names) &&
           // It is its own authority, so that a client can name the file as its CA file.
           AddExtension(x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           AddExtension(x509, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
           AddExtension(x509, NID_ext_key_usage, "serverAuth") &&
           X509_sign(x509, key, EVP_sha256()) != 0;
    if (!good) return Error{"could not make a certificate: " + OpensslError()};
    return certificate;
}

// EnsureKey gives the key in the file, made there if it does not exist.
Result<KeyPtr> EnsureKey(const std::string& key_file) {
    auto exists = Exists(key_file);
    if (!exists) return exists.error();
    if (*exists) {
        const BioPtr in(BIO_new_file(key_file.c_str(), "r"));
        KeyPtr key(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, const_cast<char*>(""))
                      : nullptr);
        if (key == nullptr) {
            return Error{"could not read private key file \"" + key_file + "\": " + OpensslError()};
        }
        return key;
    }
    KeyPtr key(EVP_EC_gen("P-256"));
    const BioPtr out(BIO_new(BIO_s_secmem()));
    if (key == nullptr || out == nullptr ||
        PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
            1) {
        return Error{"could not make a private key: " + OpensslError()};
    }
    if (Status written = WriteFile(key_file, kKeyMode, BytesOf(out.get())); !written) {
        return written.error();
    }
    return key;
}

}  // namespace

Result<bool> EnsureSelfSigned(const std::string& cert_file, const std::string& key_file,
                              const std::string& host_name) {
    const std::string lock_file = cert_file + ".lock";
    const Descriptor lock(
        open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
    if (lock.get() < 0) return FileError("create", lock_file);
    while (flock(lock.get(), LOCK_EX) != 0) {
        if (errno != EINTR) return FileError("lock", lock_file);
    }
    auto exists = Exists(cert_file);
    if (!exists) return exists.error();
    if (*exists) return false;
    auto key = EnsureKey(key_file);
    if (!key) return key.error();
    auto certificate = MakeCertificate(key->get(), host_name);
    if (!certificate) return certificate.error();
    const BioPtr out(BIO_new(BIO_s_mem()));
    if (out == nullptr || PEM_write_bio_X509(out.get(), certificate->get()) != 1) {
        return Error{"could not write a certificate: " + OpensslError()};
    }
    if (Status written = WriteFile(cert_file, kCertificateMode, BytesOf(out.get())); !written) {
        return written.error();
    }
    return true;
}

}  // namespace pganalytics::pki
