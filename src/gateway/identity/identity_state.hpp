// IdentityState: the keys and the revoked certificates from the worker's last Identity frame. Each
// such frame replaces them all.
#pragma once

#include <cstdint>
#include <string>

#include "core/types.hpp"
#include "pki/jwt/jwt.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::gateway {

class IdentityState {
  public:
    // Replace takes over the content of a frame. It returns false and changes nothing if the
    // content is invalid: a key or a digest is cut short, a point is not on P-256, or the digests
    // are not in ascending order.
    bool Replace(const protocol::Identity& identity);

    // version changes with every frame. Whatever was checked under another version must be checked
    // again.
    uint64_t version() const { return version_; }
    const pki::TokenVerifier& tokens() const { return tokens_; }
    bool IsRevoked(const core::Sha256& certificate) const;
    const std::string& crl() const { return crl_; }      // DER; "": there is none
    const std::string& trust() const { return trust_; }  // JSON; "": there is none
    // trust_version returns the version in the trust document, or 0 if there is no document.
    // Answers to pushes report this version.
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
