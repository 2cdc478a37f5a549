// Tests of client certificates: which collector a certificate names, and every reason for a
// refusal.
#include "pki/client_certificate.hpp"

#include <gtest/gtest.h>

#include "core/text.hpp"
#include "signed_token.hpp"

namespace pganalytics::pki {
namespace {

constexpr char kUri[] = "URI:urn:uuid:11111111-2222-3333-4444-555555555555";

struct Made {
    long serial = 0x1234;
    int version = X509_VERSION_3;
    std::string names = kUri;
    std::string basic = "critical,CA:FALSE";
    std::string usage = "critical,digitalSignature";
    std::string extended = "clientAuth";
    std::vector<std::pair<int, std::string>> more;
};

CertPtr Make(const Made& made, EVP_PKEY* key) {
    CertPtr certificate(X509_new());
    X509* x509 = certificate.get();
    X509_set_version(x509, made.version);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), made.serial);
    ASN1_TIME_set(X509_getm_notBefore(x509), 1700000000);
    ASN1_TIME_set(X509_getm_notAfter(x509), 1900000000);
    X509_NAME* name = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>("prod\n1"), -1, -1, 0);
    X509_set_issuer_name(x509, name);
    X509_set_pubkey(x509, key);
    std::vector<std::pair<int, std::string>> extensions = {{NID_subject_alt_name, made.names},
                                                           {NID_basic_constraints, made.basic},
                                                           {NID_key_usage, made.usage},
                                                           {NID_ext_key_usage, made.extended}};
    extensions.insert(extensions.end(), made.more.begin(), made.more.end());
    for (const auto& [nid, value] : extensions) {
        if (value.empty()) continue;
        const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()));
        EXPECT_NE(extension, nullptr) << value;
        X509_add_ext(x509, extension.get(), -1);
    }
    X509_sign(x509, key, EVP_sha256());
    return certificate;
}

class ClientCertificateTest : public testing::Test {
  protected:
    void Refused(const Made& made, const std::string& reason) {
        const CertPtr certificate = Make(made, key_.get());
        const auto collector = CollectorOf(certificate.get());
        ASSERT_FALSE(collector.ok()) << reason;
        EXPECT_EQ(collector.error().status, 403);
        EXPECT_NE(collector.error().message.find(reason), std::string::npos)
            << collector.error().message;
        EXPECT_FALSE(ReadClientCertificate(certificate.get(), nullptr).ok());
    }
    void RefusedNames(const std::string& names, const std::string& reason) {
        Made made;
        made.names = names;
        Refused(made, reason);
    }

    const KeyPtr key_ = MakeKey();
};

TEST_F(ClientCertificateTest, Good) {
    const CertPtr certificate = Make({}, key_.get());
    const auto read = ReadClientCertificate(certificate.get(), certificate.get());
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(core::FormatUuid(read->collector_id), "11111111-2222-3333-4444-555555555555");
    EXPECT_EQ(read->serial, "1234");
    EXPECT_EQ(read->not_before, 1700000000);
    EXPECT_EQ(read->not_after, 1900000000);
    EXPECT_EQ(read->subject, "CN=prod\\0A1");
    EXPECT_EQ(read->issuer.size(), 40u);
    EXPECT_EQ(read->sha256, CertificateSha256(certificate.get()));
    EXPECT_EQ(core::Hex({reinterpret_cast<const char*>(read->sha256.bytes), 32}),
              Fingerprint(certificate.get()));
    EXPECT_EQ(read->sha256, Sha256Of(read->der));
}

TEST_F(ClientCertificateTest, GoodInOtherWays) {
    Made made;
    made.usage = "";
    made.basic = "";
    made.extended = "serverAuth,clientAuth";
    made.names = std::string("DNS:db1,email:a@b,IP:127.0.0.1,") + kUri;
    const CertPtr certificate = Make(made, key_.get());
    EXPECT_TRUE(CollectorOf(certificate.get()).ok());
}

TEST_F(ClientCertificateTest, OfNoCollector) {
    Made made;
    made.names = "DNS:prometheus";
    const CertPtr certificate = Make(made, key_.get());
    EXPECT_TRUE(CheckClient(certificate.get()).ok());
    EXPECT_FALSE(CollectorOf(certificate.get()).ok());
    made.extended = "serverAuth";
    const CertPtr of_a_server = Make(made, key_.get());
    EXPECT_FALSE(CheckClient(of_a_server.get()).ok());
}

TEST_F(ClientCertificateTest, Names) {
    RefusedNames("", "no subject alternative name");
    RefusedNames("DNS:11111111-2222-3333-4444-555555555555", "no URI");
    RefusedNames(std::string(kUri) + ",URI:urn:uuid:99999999-2222-3333-4444-555555555555",
                 "more than one URI");
    RefusedNames(std::string(kUri) + ",URI:https://example.org/", "more than one URI");
    RefusedNames(std::string(kUri) + "," + kUri, "more than one URI");
    for (const char* uri :
         {"https://example.org/", "URN:UUID:11111111-2222-3333-4444-555555555555",
          "urn:UUID:11111111-2222-3333-4444-555555555555", "x", "urn:oid:1.2.3"}) {
        RefusedNames("URI:" + std::string(uri), "urn:uuid:");
    }
    for (const char* uuid :
         {"", "AAAAAAAA-2222-3333-4444-555555555555", "{11111111-2222-3333-4444-555555555555}",
          "11111111222233334444555555555555", "11111111-2222-3333-4444-55555555555",
          "11111111-2222-3333-4444-5555555555555", "11111111-2222-3333-4444-555555555555#x",
          "00000000-0000-0000-0000-000000000000"}) {
        RefusedNames("URI:urn:uuid:" + std::string(uuid), "UUID in lower case");
    }
}

TEST_F(ClientCertificateTest, NulInAName) {
    const std::string hidden("urn:uuid:11111111-2222-3333-4444-555555555555\0.evil", 51);
    GENERAL_NAMES* names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME* name = GENERAL_NAME_new();
    ASN1_IA5STRING* uri = ASN1_IA5STRING_new();
    ASN1_STRING_set(uri, hidden.data(), static_cast<int>(hidden.size()));
    GENERAL_NAME_set0_value(name, GEN_URI, uri);
    sk_GENERAL_NAME_push(names, name);
    Made made;
    made.names = "";
    const CertPtr certificate = Make(made, key_.get());
    X509_add1_ext_i2d(certificate.get(), NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
    GENERAL_NAMES_free(names);
    const auto collector = CollectorOf(certificate.get());
    ASSERT_FALSE(collector.ok());
    EXPECT_NE(collector.error().message.find("UUID in lower case"), std::string::npos);
}

TEST_F(ClientCertificateTest, Purpose) {
    auto with = [](auto change) {
        Made made;
        change(&made);
        return made;
    };
    for (const char* extended :
         {"", "serverAuth", "anyExtendedKeyUsage", "codeSigning,emailProtection"}) {
        Refused(with([extended](Made* m) { m->extended = extended; }), "clientAuth");
    }
    for (const char* usage : {"keyEncipherment", "critical,keyCertSign,cRLSign"}) {
        Refused(with([usage](Made* m) { m->usage = usage; }), "not meant for signatures");
    }
    Refused(with([](Made* m) { m->basic = "critical,CA:TRUE"; }), "one of an authority");
    Refused(with([](Made* m) { m->basic = "CA:TRUE,pathlen:0"; }), "one of an authority");
    Refused(with([](Made* m) { m->serial = 0; }), "serial");
    Refused(with([](Made* m) { m->serial = -5; }), "serial");
    Refused(with([](Made* m) { m->version = X509_VERSION_1; }), "version 3");
    Refused(with([](Made* m) { m->more = {{NID_ext_key_usage, "serverAuth"}}; }), "twice");
    Refused(with([](Made* m) {
                m->more = {{NID_netscape_comment, "a"}, {NID_netscape_comment, "b"}};
            }),
            "twice");
}

TEST_F(ClientCertificateTest, Ber) {
    const CertPtr good = Make({}, key_.get());
    unsigned char* bytes = nullptr;
    const int size = i2d_X509(good.get(), &bytes);
    ASSERT_GT(size, 0);
    const std::string der(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
    OPENSSL_free(bytes);
    // 30 82 xx xx is the head of the to-be-signed sequence within the outer sequence.
    constexpr size_t kHeadBytes = 4;
    ASSERT_EQ(der.substr(kHeadBytes, 2), "\x30\x82");
    const size_t inner_bytes = static_cast<unsigned char>(der[kHeadBytes + 2]) << 8 |
                               static_cast<unsigned char>(der[kHeadBytes + 3]);
    // Give the sequence the indefinite length of BER: two zero bytes end it.
    std::string ber = der.substr(kHeadBytes);
    ber.insert(kHeadBytes + inner_bytes, 2, '\0');
    ber.replace(0, kHeadBytes, "\x30\x80");
    ber.insert(0, der.substr(0, kHeadBytes));
    const auto* at = reinterpret_cast<const unsigned char*>(ber.data());
    const CertPtr certificate(d2i_X509(nullptr, &at, static_cast<long>(ber.size())));
    ASSERT_NE(certificate, nullptr);
    EXPECT_EQ(CollectorOf(certificate.get()).error().message,
              "the client certificate is not in DER");
    EXPECT_FALSE(CollectorOf(certificate.get()).ok());
    EXPECT_FALSE(ReadClientCertificate(certificate.get(), nullptr).ok());
    // The good certificate can be read twice.
    EXPECT_TRUE(CollectorOf(good.get()).ok());
    EXPECT_TRUE(CollectorOf(good.get()).ok());
    EXPECT_EQ(ReadClientCertificate(good.get(), nullptr)->der, der);
}

TEST_F(ClientCertificateTest, UnknownCriticalExtension) {
    const CertPtr certificate = Make({}, key_.get());
    ASN1_OBJECT* oid = OBJ_txt2obj("1.2.3.4.5", 1);
    ASN1_OCTET_STRING* value = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(value, reinterpret_cast<const unsigned char*>("x"), 1);
    const ExtensionPtr extension(X509_EXTENSION_create_by_OBJ(nullptr, oid, 1, value));
    X509_add_ext(certificate.get(), extension.get(), -1);
    ASN1_OBJECT_free(oid);
    ASN1_OCTET_STRING_free(value);
    X509_sign(certificate.get(), key_.get(), EVP_sha256());
    EXPECT_FALSE(CollectorOf(certificate.get()).ok());
}

TEST_F(ClientCertificateTest, Strength) {
    auto strong = [](KeyPtr key) {
        const CertPtr certificate(X509_new());
        X509_set_pubkey(certificate.get(), key.get());
        return CheckStrength(certificate.get()).ok();
    };
    EXPECT_TRUE(strong(MakeKey("P-256")));
    EXPECT_TRUE(strong(MakeKey("P-384")));
    EXPECT_TRUE(strong(MakeKey("P-521")));
    EXPECT_TRUE(strong(KeyPtr(EVP_RSA_gen(2048))));
    EXPECT_FALSE(strong(KeyPtr(EVP_RSA_gen(1024))));
    for (const char* curve : {"P-192", "P-224", "secp256k1", "brainpoolP256r1"}) {
        EXPECT_FALSE(strong(MakeKey(curve))) << curve;
    }
    EXPECT_FALSE(strong(KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"))));
    const CertPtr none(X509_new());
    EXPECT_FALSE(CheckStrength(none.get()).ok());
}

}  // namespace
}  // namespace pganalytics::pki
