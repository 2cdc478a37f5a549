#include "pki/crl.hpp"

#include <openssl/pem.h>

#include <new>

#include "core/text.hpp"
#include "pki/files.hpp"

namespace pganalytics::pki {
namespace {

using core::Error;
using core::Result;

using CrlPtr = std::unique_ptr<X509_CRL, Freer<X509_CRL_free>>;
using RevokedPtr = std::unique_ptr<X509_REVOKED, Freer<X509_REVOKED_free>>;
using IntegerPtr = std::unique_ptr<ASN1_INTEGER, Freer<ASN1_INTEGER_free>>;
using EnumeratedPtr = std::unique_ptr<ASN1_ENUMERATED, Freer<ASN1_ENUMERATED_free>>;
using TimePtr = std::unique_ptr<ASN1_TIME, Freer<ASN1_TIME_free>>;

constexpr size_t kMaxSerialDigits = 40;
constexpr int kLastReason = 10;
// IsReason refuses 7, which is unused. It also refuses certificateHold (6) and removeFromCRL (8):
// they belong to revocations that can be undone.
bool IsReason(int reason) {
    return reason >= 0 && reason <= kLastReason && (reason < 6 || reason > 8);
}

IntegerPtr SerialOf(const std::string& hex) {
    if (hex.empty() || hex.size() > kMaxSerialDigits ||
        hex.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
        return nullptr;
    }
    BIGNUM* number = nullptr;
    BN_hex2bn(&number, hex.c_str());
    IntegerPtr serial(number == nullptr ? nullptr : BN_to_ASN1_INTEGER(number, nullptr));
    BN_free(number);
    return serial;
}

bool AddEntry(X509_CRL* crl, const Revoked& entry) {
    const IntegerPtr serial = SerialOf(entry.serial);
    const TimePtr revoked_at(ASN1_TIME_set(nullptr, entry.revoked_at));
    RevokedPtr revoked(X509_REVOKED_new());
    bool good = serial != nullptr && revoked_at != nullptr && revoked != nullptr &&
                IsReason(entry.reason) &&
                X509_REVOKED_set_serialNumber(revoked.get(), serial.get()) == 1 &&
                X509_REVOKED_set_revocationDate(revoked.get(), revoked_at.get()) == 1;
    // RFC 5280 section 5.3.1 says to omit the reason rather than to write "unspecified" (0).
    if (good && entry.reason != 0) {
        const EnumeratedPtr reason(ASN1_ENUMERATED_new());
        good = reason != nullptr && ASN1_ENUMERATED_set(reason.get(), entry.reason) == 1 &&
               X509_REVOKED_add1_ext_i2d(revoked.get(), NID_crl_reason, reason.get(), 0, 0) == 1;
    }
    if (!good || X509_CRL_add0_revoked(crl, revoked.get()) != 1) return false;
    static_cast<void>(revoked.release());
    return true;
}

bool AddKeyId(X509_CRL* crl, X509* issuer) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, nullptr, nullptr, crl, 0);
    const ExtensionPtr extension(
        X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid,issuer"));
    return extension != nullptr && X509_CRL_add_ext(crl, extension.get(), -1) == 1;
}

std::string DerOfCrl(X509_CRL* crl) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509_CRL(crl, &bytes);
    if (size < 0) throw std::bad_alloc();
    std::string der(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
    OPENSSL_free(bytes);
    return der;
}

}  // namespace

Result<std::string> MakeCrl(const Issuer& issuer, int64_t number, int64_t this_update,
                            int64_t next_update, const std::vector<Revoked>& entries) {
    const CrlPtr crl(X509_CRL_new());
    const TimePtr from(ASN1_TIME_set(nullptr, this_update));
    const TimePtr until(ASN1_TIME_set(nullptr, next_update));
    const IntegerPtr crl_number(ASN1_INTEGER_new());
    bool good =
        crl != nullptr && from != nullptr && until != nullptr && crl_number != nullptr &&
        X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) == 1 &&
        X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer.certificate)) == 1 &&
        X509_CRL_set1_lastUpdate(crl.get(), from.get()) == 1 &&
        X509_CRL_set1_nextUpdate(crl.get(), until.get()) == 1 &&
        ASN1_INTEGER_set_int64(crl_number.get(), number) == 1;
    for (const Revoked& entry : entries) {
        if (!AddEntry(crl.get(), entry)) {
            OpensslError();
            return Error{"entry \"" + entry.serial + "\" cannot stand in a revocation list"};
        }
    }
    good = good && X509_CRL_sort(crl.get()) == 1 && AddKeyId(crl.get(), issuer.certificate) &&
           X509_CRL_add1_ext_i2d(crl.get(), NID_crl_number, crl_number.get(), 0, 0) == 1 &&
           X509_CRL_sign(crl.get(), issuer.key, DigestFor(issuer.key)) != 0;
    if (!good) return Error{"could not make a revocation list: " + OpensslError()};
    return DerOfCrl(crl.get());
}

std::vector<CrlNumber> CrlNumbers(const std::string& pem) {
    std::vector<CrlNumber> numbers;
    const BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    while (const CrlPtr crl{PEM_read_bio_X509_CRL(in.get(), nullptr, nullptr, nullptr)}) {
        const IntegerPtr number(static_cast<ASN1_INTEGER*>(
            X509_CRL_get_ext_d2i(crl.get(), NID_crl_number, nullptr, nullptr)));
        const std::unique_ptr<AUTHORITY_KEYID, Freer<AUTHORITY_KEYID_free>> authority(
            static_cast<AUTHORITY_KEYID*>(
                X509_CRL_get_ext_d2i(crl.get(), NID_authority_key_identifier, nullptr, nullptr)));
        CrlNumber found;
        if (number == nullptr || authority == nullptr || authority->keyid == nullptr ||
            ASN1_INTEGER_get_int64(&found.number, number.get()) != 1) {
            continue;
        }
        found.issuer =
            core::Hex({reinterpret_cast<const char*>(ASN1_STRING_get0_data(authority->keyid)),
                       static_cast<size_t>(ASN1_STRING_length(authority->keyid))});
        numbers.push_back(found);
    }
    OpensslError();
    return numbers;
}

std::string CrlPem(const std::string& der) {
    const BioPtr out(BIO_new(BIO_s_mem()));
    if (out == nullptr || PEM_write_bio(out.get(), PEM_STRING_X509_CRL, "",
                                        reinterpret_cast<const unsigned char*>(der.data()),
                                        static_cast<long>(der.size())) <= 0) {
        throw std::bad_alloc();
    }
    return std::string(BytesOf(out.get()));
}

}  // namespace pganalytics::pki
