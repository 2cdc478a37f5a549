#include "pki/jwt/jwt.hpp"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/params.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "core/text.hpp"
#include "pki/jwt/base64url.hpp"

namespace pganalytics::pki {
namespace {

using core::Error;
using core::Result;
using simdjson::dom::element;

constexpr std::string_view kIssuer = "pganalytics";
constexpr size_t kMaxSubjectBytes = 255;
constexpr size_t kPointBytes = 65;
constexpr int kCoordinateBytes = 32;
// kLastTime is the end of the year 9999. Two times up to it can be subtracted without overflow.
constexpr int64_t kLastTime = 253402300799;

using ContextPtr = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using KeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>>;
using SignaturePtr = std::unique_ptr<ECDSA_SIG, Freer<ECDSA_SIG_free>>;

Error Refused(const char* why) { return {std::string("the token ") + why, 403}; }

// Parts are the token's three parts, as received.
struct Parts {
    std::string_view header, claims, signature;
    std::string_view signed_part;  // header and claims with the dot between them
};

std::optional<Parts> Split(std::string_view token) {
    const size_t first = token.find('.');
    const size_t last = token.rfind('.');
    if (first == std::string_view::npos || first == last) return std::nullopt;
    Parts parts{token.substr(0, first), token.substr(first + 1, last - first - 1),
                token.substr(last + 1), token.substr(0, last)};
    if (parts.claims.find('.') != std::string_view::npos) return std::nullopt;
    return parts;
}

// Document is a JSON object, decoded from base64url. simdjson refuses what RFC 8259 forbids, but
// accepts an object that has a key twice. HasTwice finds such a key.
class Document {
  public:
    bool Parse(std::string_view encoded) {
        const auto bytes = DecodeBase64Url(encoded);
        return bytes && !bytes->empty() && parser_.parse(*bytes).get(object_) == simdjson::SUCCESS;
    }
    simdjson::dom::object object() const { return object_; }

  private:
    simdjson::dom::parser parser_;
    simdjson::dom::object object_;
};

// HasTwice is true if a key occurs twice. Two readers of such an object may read different values.
bool HasTwice(simdjson::dom::object object) {
    for (auto one = object.begin(); one != object.end(); ++one) {
        auto other = one;
        for (++other; other != object.end(); ++other) {
            if (one.key() == other.key()) return true;
        }
    }
    return false;
}

// ReadKid checks the header and returns the name of the key (kid).
Result<std::string> ReadKid(std::string_view encoded) {
    Document document;
    if (!document.Parse(encoded)) return Refused("has no JSON header");
    const simdjson::dom::object header = document.object();
    if (HasTwice(header)) return Refused("has a header with a key twice");
    std::string_view algorithm, type, kid;
    for (const auto [key, value] : header) {
        std::string_view* const known = key == "alg"   ? &algorithm
                                        : key == "typ" ? &type
                                        : key == "kid" ? &kid
                                                       : nullptr;
        // Other header fields, such as crit, jwk, jku, x5c, x5u or zip, ask for something that is
        // not implemented.
        if (known == nullptr) return Refused("has a header that is not known here");
        if (value.get(*known) != simdjson::SUCCESS) return Refused("has a header of a wrong type");
    }
    if (algorithm != "ES256") return Refused("is not signed with ES256");
    if (type != "JWT") return Refused("is not of type JWT");
    return std::string(kid);
}

bool VerifySignature(EVP_PKEY* key, std::string_view text, std::string_view signature) {
    // The signature is r and s, of 32 bytes each (RFC 7518 section 3.4). OpenSSL needs them as DER
    // and checks their range.
    if (signature.size() != 2 * kCoordinateBytes) return false;
    const auto* bytes = reinterpret_cast<const unsigned char*>(signature.data());
    const SignaturePtr pair(ECDSA_SIG_new());
    BIGNUM* r = BN_bin2bn(bytes, kCoordinateBytes, nullptr);
    BIGNUM* s = BN_bin2bn(bytes + kCoordinateBytes, kCoordinateBytes, nullptr);
    if (pair == nullptr || r == nullptr || s == nullptr || ECDSA_SIG_set0(pair.get(), r, s) != 1) {
        BN_free(r);
        BN_free(s);
        throw std::bad_alloc();
    }
    unsigned char der[2 * kCoordinateBytes + 16];
    unsigned char* end = der;
    if (const int size = i2d_ECDSA_SIG(pair.get(), nullptr);
        size <= 0 || static_cast<size_t>(size) > sizeof(der)) {
        return false;
    }
    const int size = i2d_ECDSA_SIG(pair.get(), &end);
    const ContextPtr context(EVP_MD_CTX_new());
    if (context == nullptr) throw std::bad_alloc();
    const bool good =
        EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
        EVP_DigestVerify(context.get(), der, static_cast<size_t>(size),
                         reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
    if (!good) OpensslError();
    return good;
}

// Claims reads the members of an object by type. fault() is the name of a member that is missing,
// has a wrong type or was refused; nullptr if there is none.
class Claims {
  public:
    explicit Claims(simdjson::dom::object object) : object_(object) {}

    const char* fault() const { return fault_; }
    bool Has(const char* key) const { return object_.at_key(key).error() == simdjson::SUCCESS; }
    std::string_view Text(const char* key) { return Get<std::string_view>(key); }
    simdjson::dom::object Object(const char* key) { return Get<simdjson::dom::object>(key); }

    int64_t Time(const char* key) {
        const auto time = Get<int64_t>(key);
        if (time < 0 || time > kLastTime) fault_ = key;
        return time;
    }
    // Uuid accepts only the form that FormatUuid writes. It refuses the nil UUID, which means
    // "none".
    core::Uuid Uuid(const char* key) {
        const std::string_view text = Text(key);
        const auto uuid = core::ParseUuid(text);
        if (!uuid || core::FormatUuid(*uuid) != text || *uuid == core::Uuid{}) {
            fault_ = key;
            return {};
        }
        return *uuid;
    }
    void Refuse(const char* key) { fault_ = key; }

  private:
    template <typename T>
    T Get(const char* key) {
        T value{};
        if (object_.at_key(key).get(value) != simdjson::SUCCESS) fault_ = key;
        return value;
    }
    simdjson::dom::object object_;
    const char* fault_ = nullptr;
};

// ReadCertificate reads the claim cnf, {"x5t#S256": "..."}, if the token has one. It refuses any
// other confirmation method, because no code here checks one.
void ReadCertificate(Claims* claims, TokenClaims* token) {
    if (!claims->Has("cnf")) return;
    const simdjson::dom::object confirmation = claims->Object("cnf");
    std::string_view encoded;
    if (claims->fault() != nullptr || confirmation.size() != 1 ||
        confirmation.at_key("x5t#S256").get(encoded) != simdjson::SUCCESS) {
        return claims->Refuse("cnf");
    }
    const auto digest = DecodeBase64Url(encoded);
    token->certificate.emplace();
    if (!digest || digest->size() != sizeof(token->certificate->bytes)) {
        return claims->Refuse("cnf");
    }
    std::memcpy(token->certificate->bytes, digest->data(), digest->size());
}

}  // namespace

bool LooksSigned(std::string_view token) {
    return std::count(token.begin(), token.end(), '.') == 2;
}

bool TokenVerifier::AddKey(std::string_view kid, std::string_view point) {
    if (kid.empty() || point.size() != kPointBytes || point[0] != 4) return false;
    char group[] = "P-256";
    std::string bytes(point);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, bytes.data(), bytes.size()),
        OSSL_PARAM_construct_end()};
    const KeyContextPtr make(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    EVP_PKEY* raw = nullptr;
    if (make == nullptr || EVP_PKEY_fromdata_init(make.get()) != 1 ||
        EVP_PKEY_fromdata(make.get(), &raw, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
        OpensslError();
        return false;
    }
    KeyPtr key(raw);
    const KeyContextPtr check(EVP_PKEY_CTX_new_from_pkey(nullptr, raw, nullptr));
    if (check == nullptr || EVP_PKEY_public_check(check.get()) != 1) {
        OpensslError();
        return false;
    }
    return keys_.emplace(kid, std::move(key)).second;
}

Result<TokenClaims> TokenVerifier::Verify(std::string_view token, std::string_view audience,
                                          int64_t now, Expired expired) const {
    const auto parts = token.size() <= kMaxTokenBytes ? Split(token) : std::nullopt;
    if (!parts) return Refused("is not a JWT");
    const auto kid = ReadKid(parts->header);
    if (!kid) return kid.error();
    const auto key = keys_.find(*kid);
    if (key == keys_.end()) return Refused("is signed with a key that is not known");
    const auto signature = DecodeBase64Url(parts->signature);
    if (!signature || !VerifySignature(key->second.get(), parts->signed_part, *signature)) {
        return Refused("has a signature that is not good");
    }
    Document document;
    if (!document.Parse(parts->claims)) return Refused("has no claims in JSON");
    if (HasTwice(document.object())) return Refused("has a claim twice");
    Claims claims(document.object());
    TokenClaims read;
    if (claims.Text("iss") != kIssuer) return Refused("is of another issuer");
    if (claims.Text("aud") != audience) return Refused("is for another use");
    read.subject = claims.Text("sub");
    if (read.subject.empty() || read.subject.size() > kMaxSubjectBytes) claims.Refuse("sub");
    read.id = claims.Uuid("jti");
    read.issued_at = claims.Time("iat");
    read.expires_at = claims.Time("exp");
    const int64_t not_before = claims.Has("nbf") ? claims.Time("nbf") : 0;
    if (claims.Has("sid")) read.session = claims.Uuid("sid");
    ReadCertificate(&claims, &read);
    if (claims.fault() != nullptr) {
        return Refused((std::string("has no good claim \"") + claims.fault() + '"').c_str());
    }
    if (read.issued_at > now + kTokenLeewaySeconds || not_before > now + kTokenLeewaySeconds) {
        return Refused("is not valid yet");
    }
    if (expired == Expired::kRefuse && read.expires_at <= now) {
        return Error{"the token has expired", 403, "", core::ErrorKind::kExpired};
    }
    return read;
}

}  // namespace pganalytics::pki
