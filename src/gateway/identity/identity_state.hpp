// IdentityState: what this gateway knows of keys and certificates, as its worker has last told.
// Each Identity frame replaces all of it.
#pragma once

#include <cstdint>
#include <string>

#include "core/types.hpp"
#include "pki/jwt/jwt.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::gateway {

class IdentityState {
  public:
    // Replace takes over what a frame says. False, and nothing changed, if it makes no sense: parts
    // of a key or of a digest, a point that is not on P-256, digests that are not in order.
    bool Replace(const protocol::Identity& identity);

    // version changes with every frame: what was found out under another one is to be found out
    // again.
    uint64_t version() const { return version_; }
    const pki::TokenVerifier& tokens() const { return tokens_; }
    bool IsRevoked(const core::Sha256& certificate) const;
    const std::string& crl() const { return crl_; }      // DER, "" none
    const std::string& trust() const { return trust_; }  // JSON, "" none
    // trust_version is the document's own, 0 without one: receipts say it.
    uint64_t trust_version() const { return trust_version_; }

  private:
    uint64_t version_ = 0;
    pki::TokenVerifier tokens_;
    std::string revoked_;
    std::string crl_;
    std::string trust_;
    uint64_t trust_version_ = 0;
};

}  // namespace pganalytics::gateway
