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

Result<std::vector<CertPtr>> ReadCertificates(const char* what, const std::string& file) {
    auto bio = ReadFile(what, file);
    if (!bio) return bio.error();
    std::vector<CertPtr> certificates;
    while (X509* certificate = PEM_read_bio_X509(bio->get(), nullptr, nullptr, nullptr)) {
        certificates.emplace_back(certificate);
    }
    const unsigned long code = ERR_peek_last_error();
    const bool at_end =
        ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    const std::string reason = OpensslError();
    if (certificates.empty() && at_end) {
        return Error{Quoted(what, file) + " holds no PEM certificate"};
    }
    if (!at_end) return Error{"could not read " + Quoted(what, file) + ": " + reason};
    return certificates;
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

}  // namespace pganalytics::pki
