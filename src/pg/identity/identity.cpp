// Identity: reads the tables of certificates, tokens and trust with four statements in one
// transaction.
#include "pg/identity/identity.hpp"

#include "pg/base/session.hpp"
#include "pg/base/statement.hpp"
#include "pg/identity/identity_state.hpp"
#include "pg/identity/tokens.hpp"

namespace pganalytics::pg {
namespace {

Statement find_token_keys = {
    "SELECT kid, public_key FROM pganalytics.token_keys "
    "WHERE revoked_at IS NULL AND verifies_until > pg_catalog.now()",
    0,
    {},
    nullptr};
Statement find_revoked = {
    "SELECT sha256 FROM pganalytics.certificates "
    "WHERE state = 'revoked' AND not_after > pg_catalog.now() ORDER BY sha256",
    0,
    {},
    nullptr};
// find_revocation_list finds the newest list of the authority that issues now. The SQL function
// certificate_revocation_list() returns the lists of other authorities.
Statement find_revocation_list = {
    "SELECT l.der FROM pganalytics.revocation_lists l WHERE l.issuer = "
    "(SELECT t.authority_ids[1] FROM pganalytics.trust t ORDER BY t.version DESC LIMIT 1) "
    "ORDER BY l.crl_number DESC LIMIT 1",
    0,
    {},
    nullptr};
Statement read_trust = {"SELECT pganalytics.trust_document()", 0, {}, nullptr};

std::string_view ReadTokenKeys(MemoryContext context) {
    Execute(&find_token_keys, nullptr);
    const size_t size = sizeof(protocol::TokenKey) * SPI_processed;
    if (size == 0) return {};
    auto* const keys = static_cast<protocol::TokenKey*>(MemoryContextAllocHuge(context, size));
    for (uint64 row = 0; row < SPI_processed; ++row) keys[row] = TokenKeyOf(row);
    return {reinterpret_cast<const char*>(keys), size};
}

std::string_view ReadRevoked(MemoryContext context) {
    Execute(&find_revoked, nullptr);
    const size_t size = sizeof(core::Sha256) * SPI_processed;
    if (size == 0) return {};
    auto* const digests = static_cast<core::Sha256*>(MemoryContextAllocHuge(context, size));
    for (uint64 row = 0; row < SPI_processed; ++row) digests[row] = DigestOf(row, 1);
    return {reinterpret_cast<const char*>(digests), size};
}

std::string_view ReadOne(Statement* statement, MemoryContext context) {
    Execute(statement, nullptr);
    return SPI_processed == 0 ? std::string_view{} : CopyBytes(BytesOf(0, 1), context);
}

}  // namespace

ErrorData* ReadIdentity(protocol::GatewayRole role, MemoryContext context,
                        protocol::Identity* out) {
    *out = {};
    // Read the version before the tables: a later commit increments it again, so no change is
    // missed. The version in the frame is never 0, because 0 is the version of a gateway that has
    // no Identity yet.
    out->version = IdentityVersion() + 1;
    return Transact([role, context, out] {
        out->token_keys = ReadTokenKeys(context);
        // Read the revoked certificates for the API role, too. People show no certificates at its
        // port, but a program that scrapes metrics may show one that our authority has issued.
        out->revoked = ReadRevoked(context);
        if (role == protocol::GatewayRole::kApi) return;
        out->crl = ReadOne(&find_revocation_list, context);
        out->trust = ReadOne(&read_trust, context);
    });
}

}  // namespace pganalytics::pg
