// Signing keys: the calls of libcrypto. No handle of libcrypto is held across a call that may raise
// ERROR, because an ERROR would leak the handle.
#include "pg/identity/signing_keys.hpp"

extern "C" {
#include <fcntl.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>
}

namespace pganalytics::pg {
namespace {

constexpr size_t kMaxKeyFileBytes = 8192;

struct SigningKey {
    char kid[sizeof(protocol::TokenKey::kid)];
    EVP_PKEY* key;
};
SigningKey kept[kMaxSigningKeys];
char reason[192];

bool SameKid(const char* a, const char* b) { return memcmp(a, b, sizeof(SigningKey::kid)) == 0; }

bool Complain(const char* file, const char* what, const char** why) {
    pg_snprintf(reason, sizeof(reason), "\"%s\" %s", file, what);
    *why = reason;
    return false;
}

// ReadKeyFile reads a file into `text`. If it fails, it returns false and leaves nothing of the
// file in `text`.
bool ReadKeyFile(const char* file, char* text, size_t* size, const char** why) {
    const int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return Complain(file, "could not be opened", why);
    struct stat status = {};
    const char* wrong = nullptr;
    ssize_t got = -1;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        wrong = "is not a regular file";
    } else if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        wrong = "may be read by group or others";
    } else if ((got = read(fd, text, kMaxKeyFileBytes)) <= 0 || got == kMaxKeyFileBytes) {
        wrong = "could not be read";
    }
    close(fd);
    if (wrong != nullptr) {
        explicit_bzero(text, kMaxKeyFileBytes);
        return Complain(file, wrong, why);
    }
    *size = static_cast<size_t>(got);
    return true;
}

// If a key is encrypted, libcrypto must not ask for a passphrase at a terminal.
int NoPassphrase(char*, int, int, void*) { return 0; }

EVP_PKEY* ParseKey(const char* text, size_t size) {
    BIO* const bio = BIO_new_mem_buf(text, static_cast<int>(size));
    if (bio == nullptr) return nullptr;
    EVP_PKEY* const key = PEM_read_bio_PrivateKey(bio, nullptr, NoPassphrase, nullptr);
    BIO_free(bio);
    return key;
}

bool HasPoint(EVP_PKEY* key, const protocol::TokenKey& wanted) {
    if (EVP_PKEY_get_id(key) != EVP_PKEY_EC) return false;
    unsigned char* point = nullptr;
    const size_t size = EVP_PKEY_get1_encoded_public_key(key, &point);
    const bool same =
        size == sizeof(wanted.point) && memcmp(point, wanted.point, sizeof(wanted.point)) == 0;
    OPENSSL_free(point);
    return same;
}

EVP_PKEY* LoadKey(const protocol::TokenKey& wanted, const char** why) {
    char file[64];
    pg_snprintf(file, sizeof(file), "pganalytics_token_%.*s.key",
                static_cast<int>(strnlen(wanted.kid, sizeof(wanted.kid))), wanted.kid);
    char text[kMaxKeyFileBytes];
    size_t size = 0;
    if (!ReadKeyFile(file, text, &size, why)) return nullptr;
    EVP_PKEY* const key = ParseKey(text, size);
    explicit_bzero(text, sizeof(text));
    ERR_clear_error();
    if (key == nullptr) {
        Complain(file, "is no private key in PEM", why);
        return nullptr;
    }
    if (!HasPoint(key, wanted)) {
        EVP_PKEY_free(key);
        Complain(file, "is not the key that pganalytics.token_keys has", why);
        return nullptr;
    }
    return key;
}

EVP_PKEY* FindKey(const protocol::TokenKey& wanted, const char** why) {
    SigningKey* room = &kept[0];
    for (SigningKey& one : kept) {
        if (one.key != nullptr && SameKid(one.kid, wanted.kid)) return one.key;
        if (one.key == nullptr) room = &one;
    }
    EVP_PKEY* const key = LoadKey(wanted, why);
    if (key == nullptr) return nullptr;
    EVP_PKEY_free(room->key);
    memcpy(room->kid, wanted.kid, sizeof(room->kid));
    room->key = key;
    return key;
}

// SplitSignature converts libcrypto's DER into r and s (RFC 7518 section 3.4).
bool SplitSignature(const unsigned char* der, size_t size,
                    unsigned char (&signature)[protocol::kTokenSignatureBytes]) {
    ECDSA_SIG* const parsed = d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(size));
    if (parsed == nullptr) return false;
    const bool good = BN_bn2binpad(ECDSA_SIG_get0_r(parsed), signature, 32) == 32 &&
                      BN_bn2binpad(ECDSA_SIG_get0_s(parsed), signature + 32, 32) == 32;
    ECDSA_SIG_free(parsed);
    return good;
}

}  // namespace

bool Sign(const protocol::TokenKey& wanted, std::string_view text,
          unsigned char (&signature)[protocol::kTokenSignatureBytes], const char** why) {
    EVP_PKEY* const key = FindKey(wanted, why);
    if (key == nullptr) return false;
    *why = "libcrypto could not sign a token";
    unsigned char der[80];
    size_t size = sizeof(der);
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    if (context == nullptr) return false;
    const bool good =
        EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key) == 1 &&
        EVP_DigestSign(context, der, &size, reinterpret_cast<const unsigned char*>(text.data()),
                       text.size()) == 1 &&
        SplitSignature(der, size, signature);
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good;
}

void KeepSigningKeys(const protocol::TokenKey* keys, int count) {
    for (SigningKey& one : kept) {
        bool wanted = false;
        for (int i = 0; i < count; ++i) wanted = wanted || SameKid(one.kid, keys[i].kid);
        if (wanted) continue;
        EVP_PKEY_free(one.key);
        one = {};
    }
}

}  // namespace pganalytics::pg
