#include "pki/issue.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <ctime>

#include "core/utf8.hpp"

namespace pganalytics::pki {
namespace {

using core::Error;
using core::Result;

constexpr int64_t kDay = 86400;
// Certificates of servers and authorities begin a day in the past. Otherwise a collector whose
// clock is behind would refuse a new certificate, and could not report that.
constexpr int64_t kServerBackdateSeconds = kDay;
constexpr int64_t kCollectorBackdateSeconds = 300;
constexpr size_t kMaxCommonName = 64;  // ub-common-name, RFC 5280 appendix A.1

using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;
using CrlPointsPtr = std::unique_ptr<CRL_DIST_POINTS, Freer<CRL_DIST_POINTS_free>>;

Error MakingFailed() { return {"could not make a certificate: " + OpensslError()}; }

bool SetSerial(X509* certificate) {
    unsigned char serial[16];
    if (RAND_bytes(serial, sizeof(serial)) != 1) return false;
    serial[0] &= 0x7F;
    serial[0] |= 0x40;  // a first byte of 0x40 to 0x7F: the number is positive and has 16 bytes
    const std::unique_ptr<BIGNUM, Freer<BN_free>> number(
        BN_bin2bn(serial, sizeof(serial), nullptr));
    return number != nullptr &&
           BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool SetLife(X509* certificate, const X509* issuer, int64_t not_before, int64_t not_after) {
    if (issuer != nullptr) {
        not_before = std::max(not_before, NotBefore(issuer));
        not_after = std::min(not_after, NotAfter(issuer));
    }
    return not_before < not_after &&
           ASN1_TIME_set(X509_getm_notBefore(certificate), not_before) != nullptr &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), not_after) != nullptr;
}

// CommonName cuts a name to the length that a common name may have.
std::string CommonName(const std::string& name) {
    return std::string(core::CutUtf8(name, kMaxCommonName));
}

bool SetSubject(X509* certificate, const std::string& name) {
    const std::string common_name = CommonName(name);
    return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(common_name.data()),
                                      static_cast<int>(common_name.size()), -1, 0) == 1;
}

// AddExtension adds an extension. `value` is in the syntax of OpenSSL's configuration files.
// REQUIRES: no part of `value` comes from a peer or a user, who could add to the extension.
bool AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
    return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool AddName(GENERAL_NAMES* names, int type, ASN1_STRING* value) {
    GENERAL_NAME* const name = GENERAL_NAME_new();
    if (name == nullptr || value == nullptr) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(value);
        return false;
    }
    GENERAL_NAME_set0_value(name, type, value);
    return sk_GENERAL_NAME_push(names, name) > 0;
}

ASN1_STRING* Ia5(const std::string& text) {
    ASN1_STRING* const value = ASN1_IA5STRING_new();
    if (value != nullptr) ASN1_STRING_set(value, text.data(), static_cast<int>(text.size()));
    return value;
}

bool AddNames(X509* certificate, const NamesPtr& names) {
    return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0) == 1;
}

// AddCrlUrl does nothing if `url` is "".
bool AddCrlUrl(X509* certificate, const std::string& url) {
    if (url.empty()) return true;
    const CrlPointsPtr points(sk_DIST_POINT_new_null());
    DIST_POINT* const point = DIST_POINT_new();
    if (points == nullptr || point == nullptr || sk_DIST_POINT_push(points.get(), point) <= 0) {
        DIST_POINT_free(point);
        return false;
    }
    point->distpoint = DIST_POINT_NAME_new();
    if (point->distpoint == nullptr) return false;
    point->distpoint->type = 0;  // 0 means fullName
    point->distpoint->name.fullname = sk_GENERAL_NAME_new_null();
    return point->distpoint->name.fullname != nullptr &&
           AddName(point->distpoint->name.fullname, GEN_URI, Ia5(url)) &&
           X509_add1_ext_i2d(certificate, NID_crl_distribution_points, points.get(), 0, 0) == 1;
}

bool IsDnsName(const std::string& name) {
    // A wildcard must be the whole first label (RFC 6125 section 6.4.3).
    const std::string plain = name.starts_with("*.") ? name.substr(2) : name;
    if (plain.empty() || name.size() > 253) return false;
    return std::all_of(plain.begin(), plain.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_';
    });
}

std::string AddressBytes(const std::string& name) {
    const std::unique_ptr<ASN1_OCTET_STRING, Freer<ASN1_OCTET_STRING_free>> address(
        a2i_IPADDRESS(name.c_str()));
    OpensslError();
    if (address == nullptr) return {};
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(address.get())),
            static_cast<size_t>(ASN1_STRING_length(address.get()))};
}

// KnownNames returns the names that are DNS names or IP addresses, without duplicates.
std::vector<std::string> KnownNames(const std::vector<std::string>& names) {
    std::vector<std::string> known;
    for (const std::string& name : names) {
        const bool good = IsDnsName(name) || !AddressBytes(name).empty();
        if (good && std::find(known.begin(), known.end(), name) == known.end()) {
            known.push_back(name);
        }
    }
    return known;
}

// Begin makes a certificate with the fields that all certificates share.
CertPtr Begin(EVP_PKEY* key) {
    CertPtr certificate(X509_new());
    if (certificate == nullptr || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
        !SetSerial(certificate.get()) || X509_set_pubkey(certificate.get(), key) != 1) {
        return nullptr;
    }
    return certificate;
}

// FinishLeaf adds the fields that certificates of servers and collectors share, and signs.
bool FinishLeaf(X509* certificate, const Issuer& issuer, const char* purpose) {
    return X509_set_issuer_name(certificate, X509_get_subject_name(issuer.certificate)) == 1 &&
           AddExtension(certificate, nullptr, NID_basic_constraints, "critical,CA:FALSE") &&
           AddExtension(certificate, nullptr, NID_key_usage, "critical,digitalSignature") &&
           AddExtension(certificate, nullptr, NID_ext_key_usage, purpose) &&
           AddExtension(certificate, nullptr, NID_subject_key_identifier, "hash") &&
           AddExtension(certificate, issuer.certificate, NID_authority_key_identifier,
                        "keyid,issuer") &&
           AddCrlUrl(certificate, issuer.crl_url) &&
           X509_sign(certificate, issuer.key, DigestFor(issuer.key)) != 0;
}

int64_t UnixTime(const ASN1_TIME* time) {
    struct tm parts = {};
    return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

}  // namespace

const EVP_MD* DigestFor(EVP_PKEY* key) {
    const int type = EVP_PKEY_get_base_id(key);
    if (type == EVP_PKEY_ED25519 || type == EVP_PKEY_ED448) return nullptr;
    return type == EVP_PKEY_EC && EVP_PKEY_get_bits(key) > 256 ? EVP_sha384() : EVP_sha256();
}

int64_t NotBefore(const X509* certificate) { return UnixTime(X509_get0_notBefore(certificate)); }
int64_t NotAfter(const X509* certificate) { return UnixTime(X509_get0_notAfter(certificate)); }

int64_t RenewAt(const X509* certificate) {
    const int64_t begin = NotBefore(certificate);
    return begin + (NotAfter(certificate) - begin) / 3 * 2;
}

Result<CertPtr> MakeRoot(EVP_PKEY* key, const std::string& name, const IssueTime& time) {
    CertPtr certificate = Begin(key);
    X509* const x509 = certificate.get();
    const bool good =
        x509 != nullptr &&
        SetLife(x509, nullptr, time.now - kServerBackdateSeconds, time.now + time.days * kDay) &&
        SetSubject(x509, name) && X509_set_issuer_name(x509, X509_get_subject_name(x509)) == 1 &&
        AddExtension(x509, nullptr, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
        AddExtension(x509, nullptr, NID_key_usage, "critical,keyCertSign,cRLSign") &&
        AddExtension(x509, nullptr, NID_subject_key_identifier, "hash") &&
        X509_sign(x509, key, DigestFor(key)) != 0;
    if (!good) return MakingFailed();
    return certificate;
}

Result<CertPtr> MakeServerCertificate(const Issuer& issuer, EVP_PKEY* key,
                                      const std::vector<std::string>& names,
                                      const IssueTime& time) {
    CertPtr certificate = Begin(key);
    X509* const x509 = certificate.get();
    const NamesPtr alternatives(sk_GENERAL_NAME_new_null());
    bool good = x509 != nullptr && alternatives != nullptr;
    std::string first;
    for (const std::string& name : KnownNames(names)) {
        if (first.empty()) first = name;
        const std::string address = AddressBytes(name);
        if (address.empty()) {
            good = good && AddName(alternatives.get(), GEN_DNS, Ia5(name));
            continue;
        }
        ASN1_OCTET_STRING* const bytes = ASN1_OCTET_STRING_new();
        good = good && bytes != nullptr &&
               ASN1_OCTET_STRING_set(bytes, reinterpret_cast<const unsigned char*>(address.data()),
                                     static_cast<int>(address.size())) == 1 &&
               AddName(alternatives.get(), GEN_IPADD, bytes);
    }
    good = good &&
           SetLife(x509, issuer.certificate, time.now - kServerBackdateSeconds,
                   time.now + time.days * kDay) &&
           SetSubject(x509, first) && AddNames(x509, alternatives) &&
           FinishLeaf(x509, issuer, "serverAuth");
    if (!good) return MakingFailed();
    return certificate;
}

Result<CertPtr> MakeCollectorCertificate(const Issuer& issuer, EVP_PKEY* key,
                                         const std::string& name, const std::string& uuid,
                                         const IssueTime& time) {
    CertPtr certificate = Begin(key);
    X509* const x509 = certificate.get();
    const NamesPtr alternatives(sk_GENERAL_NAME_new_null());
    const bool good = x509 != nullptr && alternatives != nullptr &&
                      AddName(alternatives.get(), GEN_URI, Ia5("urn:uuid:" + uuid)) &&
                      SetLife(x509, issuer.certificate, time.now - kCollectorBackdateSeconds,
                              time.now + time.days * kDay) &&
                      SetSubject(x509, name) && AddNames(x509, alternatives) &&
                      FinishLeaf(x509, issuer, "clientAuth");
    if (!good) return MakingFailed();
    return certificate;
}

bool HasServerNames(X509* certificate, const std::vector<std::string>& names) {
    std::vector<std::string> wanted;
    for (const std::string& name : KnownNames(names)) {
        const std::string address = AddressBytes(name);
        wanted.push_back(address.empty() ? name : address);
    }
    std::vector<std::string> found;
    const NamesPtr alternatives(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
        int type = 0;
        const auto* const value = static_cast<ASN1_STRING*>(
            GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(alternatives.get(), i), &type));
        if (type != GEN_DNS && type != GEN_IPADD) return false;
        found.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                           static_cast<size_t>(ASN1_STRING_length(value)));
    }
    return found == wanted;
}

bool HasCrlUrl(X509* certificate, const std::string& url) {
    const CrlPointsPtr points(static_cast<CRL_DIST_POINTS*>(
        X509_get_ext_d2i(certificate, NID_crl_distribution_points, nullptr, nullptr)));
    if (points == nullptr) return url.empty();
    const DIST_POINT* const point = sk_DIST_POINT_value(points.get(), 0);
    if (point == nullptr || point->distpoint == nullptr || point->distpoint->type != 0)
        return false;
    int type = 0;
    const auto* const value = static_cast<ASN1_STRING*>(
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(point->distpoint->name.fullname, 0), &type));
    return type == GEN_URI &&
           url == std::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                                   static_cast<size_t>(ASN1_STRING_length(value)));
}

}  // namespace pganalytics::pki
