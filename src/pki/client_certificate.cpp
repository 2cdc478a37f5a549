#include "pki/client_certificate.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <new>

#include "core/text.hpp"

namespace pganalytics::pki {
namespace {

using core::Error;
using core::Result;
using core::Status;
using core::Unit;

constexpr std::string_view kUuidUrn = "urn:uuid:";
constexpr int kLeastRsaBits = 2048;

using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, Freer<BN_free>>;

Error Bad(const char* why) { return {std::string("the client certificate ") + why, 403}; }

// HasExtensionTwice looks at all extensions: OpenSSL notices a repeated extension only when it
// reads that extension.
bool HasExtensionTwice(const X509* certificate) {
    const int count = X509_get_ext_count(certificate);
    for (int i = 0; i < count; ++i) {
        const ASN1_OBJECT* oid = X509_EXTENSION_get_object(X509_get_ext(certificate, i));
        if (X509_get_ext_by_OBJ(certificate, oid, i) >= 0) return true;
    }
    return false;
}

// DerOf encodes a certificate. The signed part keeps the bytes that were received.
std::string DerOf(const X509* certificate) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509(certificate, &bytes);
    if (size <= 0) throw std::bad_alloc();
    std::string der(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
    OPENSSL_free(bytes);
    return der;
}

// IsDer tells whether a certificate is in DER. OpenSSL reads BER too, but in BER one certificate
// has many encodings, and certificates are identified by the hash of their bytes.
//
// IsDer encodes the certificate again and compares the bytes. It encodes the certificate itself,
// not a copy: making a copy decodes the key again, which takes longer than verifying a signature.
// The new encoding replaces the received bytes, so a second call would find no difference.
// Therefore, if the certificate is in BER, IsDer sets its version to 1, which CheckClient refuses.
bool IsDer(X509* certificate) {
    const std::string came = DerOf(certificate);
    unsigned char* bytes = nullptr;
    if (i2d_re_X509_tbs(certificate, &bytes) <= 0) throw std::bad_alloc();
    OPENSSL_free(bytes);
    if (DerOf(certificate) == came) return true;
    X509_set_version(certificate, X509_VERSION_1);
    return false;
}

std::string_view TextOf(const ASN1_STRING* text) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
            static_cast<size_t>(ASN1_STRING_length(text))};
}

// Name returns the collector's id from the only URI among the alternative names. It compares all
// bytes of the URI, so that a NUL cannot hide the rest.
Result<core::Uuid> Name(const X509* certificate) {
    const NamesPtr names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    if (names == nullptr) {
        OpensslError();
        return Bad("has no subject alternative name");
    }
    const ASN1_IA5STRING* uri = nullptr;
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type != GEN_URI) continue;
        if (uri != nullptr) return Bad("has more than one URI among its names");
        uri = name->d.uniformResourceIdentifier;
    }
    if (uri == nullptr) return Bad("has no URI among its names");
    std::string_view text = TextOf(uri);
    if (!text.starts_with(kUuidUrn)) return Bad("does not name a collector by urn:uuid:");
    text.remove_prefix(kUuidUrn.size());
    const auto uuid = core::ParseUuid(text);
    if (!uuid || core::FormatUuid(*uuid) != text || *uuid == core::Uuid{}) {
        return Bad("does not name a collector by a UUID in lower case");
    }
    return *uuid;
}

std::string SerialOf(const X509* certificate) {
    const NumberPtr number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
    if (number == nullptr) throw std::bad_alloc();
    std::string bytes(static_cast<size_t>(BN_num_bytes(number.get())), '\0');
    BN_bn2bin(number.get(), reinterpret_cast<unsigned char*>(bytes.data()));
    std::string hex = core::Hex(bytes);
    if (hex.starts_with('0')) hex.erase(0, 1);
    return hex;
}

std::string SubjectOf(const X509* certificate) {
    const BioPtr out(BIO_new(BIO_s_mem()));
    if (out == nullptr) throw std::bad_alloc();
    // XN_FLAG_RFC2253 escapes all but printable ASCII: the text is safe in any output.
    X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(out.get(), &bytes);
    return {bytes, static_cast<size_t>(std::max(size, 0L))};
}

// UnixTime returns false for an invalid date.
bool UnixTime(const ASN1_TIME* time, int64_t* seconds) {
    const std::unique_ptr<ASN1_TIME, Freer<ASN1_TIME_free>> epoch(ASN1_TIME_set(nullptr, 0));
    int days = 0;
    int rest = 0;
    if (epoch == nullptr || ASN1_TIME_diff(&days, &rest, epoch.get(), time) != 1) return false;
    *seconds = int64_t{days} * 86400 + rest;
    return true;
}

}  // namespace

core::Sha256 CertificateSha256(const X509* certificate) {
    core::Sha256 digest;
    unsigned int size = 0;
    if (X509_digest(certificate, EVP_sha256(), digest.bytes, &size) != 1) throw std::bad_alloc();
    return digest;
}

Status CheckStrength(const X509* certificate) {
    EVP_PKEY* key = X509_get0_pubkey(certificate);
    if (key == nullptr) {
        OpensslError();
        return Error{"a certificate has a key that cannot be read", 403};
    }
    if (EVP_PKEY_is_a(key, "RSA") == 1) {
        if (EVP_PKEY_get_bits(key) >= kLeastRsaBits) return Unit{};
        return Error{"a certificate has an RSA key of less than 2048 bits", 403};
    }
    char group[64] = {};
    size_t size = 0;
    if (EVP_PKEY_is_a(key, "EC") == 1 &&
        EVP_PKEY_get_group_name(key, group, sizeof(group), &size) == 1) {
        const std::string_view name(group, size);
        if (name == "prime256v1" || name == "secp384r1" || name == "secp521r1") return Unit{};
    }
    OpensslError();
    return Error{"a certificate has a key of a kind that is not accepted", 403};
}

Status CheckClient(X509* certificate) {
    if (X509_get_version(certificate) != X509_VERSION_3) return Bad("is not of version 3");
    if (!IsDer(certificate)) return Bad("is not in DER");
    if (HasExtensionTwice(certificate)) return Bad("has an extension twice");
    const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
    const NumberPtr number(ASN1_INTEGER_to_BN(serial, nullptr));
    if (number == nullptr || BN_is_negative(number.get()) || BN_is_zero(number.get()) ||
        ASN1_STRING_length(serial) > 20) {
        return Bad("has a serial number that RFC 5280 does not allow");
    }
    const uint32_t flags = X509_get_extension_flags(certificate);
    if ((flags & (EXFLAG_INVALID | EXFLAG_CRITICAL)) != 0) {
        return Bad("has an extension that cannot be read");
    }
    if ((flags & EXFLAG_CA) != 0) return Bad("is one of an authority");
    if ((flags & EXFLAG_KUSAGE) != 0 &&
        (X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) == 0) {
        return Bad("is not meant for signatures");
    }
    if ((flags & EXFLAG_XKUSAGE) == 0 ||
        (X509_get_extended_key_usage(certificate) & XKU_SSL_CLIENT) == 0) {
        return Bad("is not meant for clients (clientAuth)");
    }
    return Unit{};
}

Result<core::Uuid> CollectorOf(X509* certificate) {
    if (const Status client = CheckClient(certificate); !client) return client.error();
    return Name(certificate);
}

Result<ClientCertificate> ReadClientCertificate(X509* certificate, X509* issuer) {
    auto collector_id = CollectorOf(certificate);
    if (!collector_id) return collector_id.error();
    ClientCertificate read;
    read.collector_id = *collector_id;
    read.der = DerOf(certificate);
    read.sha256 = Sha256Of(read.der);
    unsigned char* bytes = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &bytes);
    if (size <= 0) throw std::bad_alloc();
    read.spki_sha256 =
        Sha256Of(std::string_view(reinterpret_cast<char*>(bytes), static_cast<size_t>(size)));
    OPENSSL_free(bytes);
    if (!UnixTime(X509_get0_notBefore(certificate), &read.not_before) ||
        !UnixTime(X509_get0_notAfter(certificate), &read.not_after)) {
        return Bad("has no valid times");
    }
    read.serial = SerialOf(certificate);
    read.subject = SubjectOf(certificate);
    const ASN1_OCTET_STRING* authority = X509_get0_authority_key_id(certificate);
    if (authority == nullptr && issuer != nullptr) authority = X509_get0_subject_key_id(issuer);
    if (authority != nullptr) {
        read.issuer = core::Hex(TextOf(authority));
    } else if (issuer != nullptr) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned int digest_size = 0;
        if (X509_pubkey_digest(issuer, EVP_sha1(), digest, &digest_size) != 1) {
            throw std::bad_alloc();
        }
        // RFC 5280 section 4.2.1.2 (1) derives a key identifier from the key in this way.
        read.issuer = core::Hex({reinterpret_cast<char*>(digest), digest_size});
    }
    return read;
}

}  // namespace pganalytics::pki
