// Identity: four statements in one transaction.
#include "pg/identity.hpp"

#include "pg/identity_state.hpp"
#include "pg/session.hpp"
#include "pg/statement.hpp"

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
// Of the authority that issues now: others' lists are in certificate_revocation_list().
Statement find_revocation_list = {
    "SELECT l.der FROM pganalytics.revocation_lists l WHERE l.issuer = "
    "(SELECT t.authority_ids[1] FROM pganalytics.trust t ORDER BY t.version DESC LIMIT 1) "
    "ORDER BY l.crl_number DESC LIMIT 1",
    0,
    {},
    nullptr};
Statement read_trust = {"SELECT pganalytics.trust_document()", 0, {}, nullptr};

std::string_view BytesOf(uint64 row, int column) {
    bool is_null = false;
    const Datum cell = CellOf(row, column, &is_null);
    if (is_null) return {};
    const varlena* const bytes = PG_DETOAST_DATUM_PACKED(cell);
    return {VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)};
}

std::string_view Copy(std::string_view bytes, MemoryContext context) {
    if (bytes.empty()) return {};
    auto* const copy = static_cast<char*>(MemoryContextAlloc(context, bytes.size()));
    memcpy(copy, bytes.data(), bytes.size());
    return {copy, bytes.size()};
}

std::string_view ReadTokenKeys(MemoryContext context) {
    Execute(&find_token_keys, nullptr);
    const size_t size = sizeof(protocol::TokenKey) * SPI_processed;
    if (size == 0) return {};
    auto* const keys = static_cast<protocol::TokenKey*>(MemoryContextAllocHuge(context, size));
    for (uint64 row = 0; row < SPI_processed; ++row) {
        protocol::TokenKey key = {};
        const std::string_view kid = BytesOf(row, 1);
        const std::string_view point = BytesOf(row, 2);
        // The table's checks have fixed both lengths.
        memcpy(key.kid, kid.data(), Min(kid.size(), sizeof(key.kid) - 1));
        memcpy(key.point, point.data(), Min(point.size(), sizeof(key.point)));
        keys[row] = key;
    }
    return {reinterpret_cast<const char*>(keys), size};
}

std::string_view ReadRevoked(MemoryContext context) {
    Execute(&find_revoked, nullptr);
    const size_t size = sizeof(core::Sha256) * SPI_processed;
    if (size == 0) return {};
    auto* const digests = static_cast<char*>(MemoryContextAllocHuge(context, size));
    for (uint64 row = 0; row < SPI_processed; ++row) {
        const std::string_view digest = BytesOf(row, 1);
        memcpy(digests + sizeof(core::Sha256) * row, digest.data(),
               Min(digest.size(), sizeof(core::Sha256)));
    }
    return {digests, size};
}

std::string_view ReadOne(Statement* statement, MemoryContext context) {
    Execute(statement, nullptr);
    return SPI_processed == 0 ? std::string_view{} : Copy(BytesOf(0, 1), context);
}

}  // namespace

ErrorData* ReadIdentity(protocol::GatewayRole role, MemoryContext context,
                        protocol::Identity* out) {
    *out = {};
    // Before the snapshots: what is committed behind it makes it grow once more. From 1 on, since a
    // gateway that knows nothing is at 0.
    out->version = IdentityVersion() + 1;
    return Transact([role, context, out] {
        out->token_keys = ReadTokenKeys(context);
        if (role == protocol::GatewayRole::kApi) return;
        out->revoked = ReadRevoked(context);
        out->crl = ReadOne(&find_revocation_list, context);
        out->trust = ReadOne(&read_trust, context);
    });
}

}  // namespace pganalytics::pg
