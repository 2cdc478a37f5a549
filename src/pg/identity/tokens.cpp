// Tokens: chooses the key that signs and sets the claims of a collector's token.
#include "pg/identity/tokens.hpp"

#include "pg/audit/refusals.hpp"
#include "pg/base/guc.hpp"
#include "pg/base/session.hpp"
#include "pg/base/statement.hpp"
#include "pg/base/trouble.hpp"
#include "pg/base/unix_time.hpp"
#include "pg/identity/authenticate.hpp"
#include "pg/identity/signing_keys.hpp"

namespace pganalytics::pg {
namespace {

// A verifier accepts a token whose iat is at most this much in the future.
constexpr int64 kLeewaySeconds = 60;

// The first row is the newest key that has begun to sign. signs_from gives the gateways time to
// learn a new key, so keys that have not begun to sign come last.
Statement find_signing_keys = {
    "SELECT kid, public_key FROM pganalytics.token_keys "
    "WHERE revoked_at IS NULL AND signs_until > pg_catalog.now() "
    "ORDER BY signs_from > pg_catalog.now(), signs_from DESC, kid LIMIT 4",
    0,
    {},
    nullptr};

int ReadSigningKeys(protocol::TokenKey (&keys)[kMaxSigningKeys]) {
    Execute(&find_signing_keys, nullptr);
    int count = 0;
    for (uint64 row = 0; row < SPI_processed && count < kMaxSigningKeys; ++row) {
        keys[count++] = TokenKeyOf(row);
    }
    KeepSigningKeys(keys, count);
    return count;
}

void Refuse(protocol::TokenReply* reply, uint32_t status, std::string_view message) {
    *reply = {};
    reply->status = status;
    reply->message = message;
}

void Answer(const protocol::Credential& credential, protocol::TokenReply* reply,
            MemoryContext context) {
    Holder holder;
    const AuthResult result =
        Authenticate(credential, &holder, static_cast<int64>(settings.token_refresh_grace_s));
    if (result != AuthResult::kGood) {
        CountAuthRefusal(result, credential);
        return Refuse(reply, 403, Reason(result));
    }

    // issued_at must not be before tokens_valid_from. tokens_valid_from may lie between two full
    // seconds, or somewhat in the future; pganalytics.revoke_tokens() explains why.
    int64 issued_at = UnixNow();
    if (holder.tokens_valid_from != DT_NOBEGIN) {
        issued_at = Max(issued_at, UnixOf(holder.tokens_valid_from) + 1);
    }
    if (issued_at > UnixNow() + kLeewaySeconds) {
        return Refuse(reply, 403, "this collector gets no tokens yet");
    }
    char subject[36];
    protocol::WriteUuid(holder.collector_id, subject);
    protocol::TokenClaims claims;
    claims.audience = protocol::kCollectorAudience;
    claims.subject = std::string_view(subject, sizeof(subject));
    claims.certificate_sha256 = credential.certificate_sha256;
    claims.issued_at = issued_at;
    claims.expires_at = issued_at + settings.token_lifetime_s;
    MemoryContext const caller = MemoryContextSwitchTo(context);
    const char* why = nullptr;
    std::string_view token;
    if (SignToken(claims, &token, &why)) {
        reply->status = 200;
        reply->expires_at = claims.expires_at;
        reply->token = token;
        CountRefusal(protocol::RefusalKind::kTokenRefreshed, credential, &holder.collector_id);
    } else {
        Refuse(reply, 503, pstrdup(why));
    }
    MemoryContextSwitchTo(caller);
}

}  // namespace

protocol::TokenKey TokenKeyOf(uint64 row) {
    const std::string_view kid = BytesOf(row, 1);
    const std::string_view point = BytesOf(row, 2);
    protocol::TokenKey key = {};
    // The CHECK constraints of the table fix both lengths.
    memcpy(key.kid, kid.data(), Min(kid.size(), sizeof(key.kid) - 1));
    memcpy(key.point, point.data(), Min(point.size(), sizeof(key.point)));
    return key;
}

bool SignToken(const protocol::TokenClaims& claims, std::string_view* token, const char** why) {
    *why = "no key signs tokens yet";
    protocol::TokenKey keys[kMaxSigningKeys];
    const int count = ReadSigningKeys(keys);
    protocol::TokenClaims own = claims;
    if (!pg_strong_random(&own.token_id, sizeof(own.token_id))) {
        *why = "could not draw random bytes";
        return false;
    }
    own.token_id.bytes[6] = (own.token_id.bytes[6] & 0x0F) | 0x40;  // RFC 9562 version 4
    own.token_id.bytes[8] = (own.token_id.bytes[8] & 0x3F) | 0x80;
    auto* const out = static_cast<char*>(palloc(protocol::kMaxTokenBytes));
    for (int i = 0; i < count; ++i) {
        const size_t input = protocol::WriteSigningInput(
            std::string_view(keys[i].kid, strlen(keys[i].kid)), own, out, protocol::kMaxTokenBytes);
        unsigned char signature[protocol::kTokenSignatureBytes];
        if (!Sign(keys[i], std::string_view(out, input), signature, why)) continue;
        const size_t size =
            protocol::AppendSignature(signature, out, input, protocol::kMaxTokenBytes);
        *token = std::string_view(out, size);
        return true;
    }
    return false;
}

protocol::TokenReply AnswerTokenRequest(const protocol::TokenRequest& request, WorkerStatus* status,
                                        MemoryContext context) {
    MemoryContext const caller = MemoryContextSwitchTo(context);
    protocol::TokenReply reply;
    ErrorData* const error =
        Transact([&reply, &request, context] { Answer(request.credential, &reply, context); });
    const char* const why = ReportRefused(status, error);
    if (error != nullptr) Refuse(&reply, 503, why);
    MemoryContextSwitchTo(caller);
    return reply;
}

}  // namespace pganalytics::pg
