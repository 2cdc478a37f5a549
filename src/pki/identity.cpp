#include "pki/identity.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "pki/files.hpp"
#include "pki/keys.hpp"

namespace pganalytics::pki {
namespace {

using core::Error;
using core::Result;

std::string Quoted(const char* what, const std::string& file) {
    return std::string(what) + " \"" + file + "\"";
}

// ReadPem reads all objects of a kind in a file; `kRead` is OpenSSL's function that reads one.
template <auto kRead, typename Owner>
Result<std::vector<Owner>> ReadPem(const char* what, const char* object, const std::string& file) {
    auto bio = ReadFile(what, file);
    if (!bio) return bio.error();
    std::vector<Owner> objects;
    while (auto* read = kRead(bio->get(), nullptr, nullptr, nullptr)) objects.emplace_back(read);
    const unsigned long code = ERR_peek_last_error();
    const bool at_end =
        ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    const std::string reason = OpensslError();
    if (objects.empty() && at_end) return Error{Quoted(what, file) + " holds no PEM " + object};
    if (!at_end) return Error{"could not read " + Quoted(what, file) + ": " + reason};
    return objects;
}

Result<std::vector<CertPtr>> ReadCertificates(const char* what, const std::string& file) {
    return ReadPem<PEM_read_bio_X509, CertPtr>(what, "certificate", file);
}

// SameAuthority is true if both lists have the same issuer name and, if both contain the
// authority's key identifier, the same key identifier.
bool SameAuthority(const X509_CRL* one, const X509_CRL* other) {
    using KeyIdPtr = std::unique_ptr<AUTHORITY_KEYID, Freer<AUTHORITY_KEYID_free>>;
    auto key_of = [](const X509_CRL* list) {
        return KeyIdPtr(static_cast<AUTHORITY_KEYID*>(
            X509_CRL_get_ext_d2i(list, NID_authority_key_identifier, nullptr, nullptr)));
    };
    if (X509_NAME_cmp(X509_CRL_get_issuer(one), X509_CRL_get_issuer(other)) != 0) return false;
    const KeyIdPtr a = key_of(one);
    const KeyIdPtr b = key_of(other);
    if (a == nullptr || b == nullptr || a->keyid == nullptr || b->keyid == nullptr) return true;
    return ASN1_OCTET_STRING_cmp(a->keyid, b->keyid) == 0;
}

}  // namespace

Result<ServerIdentity> LoadServerIdentity(const std::string& cert_file,
                                          const std::string& key_file) {
    auto certificates = ReadCertificates("certificate file", cert_file);
    if (!certificates) return certificates.error();
    auto key = ReadKey(key_file, NoPassphrase);
    if (!key) return key.error();
    ServerIdentity identity;
    identity.certificate = std::move(certificates->front());
    for (size_t i = 1; i < certificates->size(); ++i) {
        identity.chain.push_back(std::move((*certificates)[i]));
    }
    identity.key = std::move(*key);
    if (X509_check_private_key(identity.certificate.get(), identity.key.get()) != 1) {
        OpensslError();
        return Error{Quoted("private key file", key_file) + " does not belong to " +
                     Quoted("certificate file", cert_file)};
    }
    identity.sha256 = Fingerprint(identity.certificate.get());
    return identity;
}

Result<std::vector<CertPtr>> LoadAuthorities(const std::string& ca_file) {
    return ReadCertificates("certificate authority file", ca_file);
}

Result<std::vector<CrlPtr>> LoadRevocationLists(const std::string& crl_file) {
    constexpr const char* kWhat = "certificate revocation list file";
    auto lists = ReadPem<PEM_read_bio_X509_CRL, CrlPtr>(kWhat, "revocation list", crl_file);
    if (!lists) return lists.error();
    for (size_t i = 0; i < lists->size(); ++i) {
        for (size_t other = 0; other < i; ++other) {
            if (SameAuthority((*lists)[i].get(), (*lists)[other].get())) {
                return Error{Quoted(kWhat, crl_file) + " holds two lists of one authority"};
            }
        }
    }
    return lists;
}

}  // namespace pganalytics::pki
