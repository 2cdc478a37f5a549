// CRL: makes certificate revocation lists (RFC 5280 section 5) and reads their numbers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "pki/issue.hpp"

namespace pganalytics::pki {

// Revoked is an entry of a revocation list. `serial` is hex. `reason` is a code of RFC 5280 section
// 5.3.1; 0 is "unspecified".
struct Revoked {
    std::string serial;
    int64_t revoked_at = 0;  // Unix time in seconds
    int reason = 0;
};

// MakeCrl makes a revocation list of version 2 in DER. The list contains `number` and the
// authority's key identifier. Errors: an invalid serial number, an invalid reason, a key that
// cannot sign.
core::Result<std::string> MakeCrl(const Issuer& issuer, int64_t number, int64_t this_update,
                                  int64_t next_update, const std::vector<Revoked>& entries);

// CrlNumber is the number of one revocation list. `issuer` is the key identifier of the list's
// authority, in lower-case hex.
struct CrlNumber {
    std::string issuer;
    int64_t number = 0;
};
// CrlNumbers returns the number of each list in a PEM text. It skips other PEM objects, and lists
// that lack a number or a key identifier.
std::vector<CrlNumber> CrlNumbers(const std::string& pem);

// CrlPem writes a list's DER as PEM.
std::string CrlPem(const std::string& der);

}  // namespace pganalytics::pki
