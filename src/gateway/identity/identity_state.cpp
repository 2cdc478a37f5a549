#include "gateway/identity/identity_state.hpp"

#include <cjson/cJSON.h>

#include <cstring>
#include <memory>
#include <utility>

namespace pganalytics::gateway {
namespace {

constexpr size_t kDigestBytes = sizeof(core::Sha256);

bool AddKeys(std::string_view keys, pki::TokenVerifier* tokens) {
    for (size_t at = 0; at < keys.size(); at += sizeof(protocol::TokenKey)) {
        protocol::TokenKey key;
        std::memcpy(&key, keys.data() + at, sizeof(key));
        const std::string_view kid(key.kid, strnlen(key.kid, sizeof(key.kid)));
        const std::string_view point(reinterpret_cast<const char*>(key.point), sizeof(key.point));
        if (!tokens->AddKey(kid, point)) return false;
    }
    return true;
}

bool InOrder(std::string_view digests) {
    for (size_t at = kDigestBytes; at < digests.size(); at += kDigestBytes) {
        if (std::memcmp(digests.data() + at - kDigestBytes, digests.data() + at, kDigestBytes) >=
            0) {
            return false;
        }
    }
    return true;
}

uint64_t VersionOf(std::string_view trust) {
    const std::unique_ptr<cJSON, decltype(&cJSON_Delete)> document(
        cJSON_ParseWithLength(trust.data(), trust.size()), &cJSON_Delete);
    const cJSON* version = cJSON_GetObjectItemCaseSensitive(document.get(), "version");
    if (!cJSON_IsNumber(version) || version->valuedouble < 0 || version->valuedouble > 9e15) {
        return 0;
    }
    return static_cast<uint64_t>(version->valuedouble);
}

}  // namespace

bool IdentityState::Replace(const protocol::Identity& identity) {
    pki::TokenVerifier tokens;
    if (identity.token_keys.size() % sizeof(protocol::TokenKey) != 0 ||
        identity.revoked.size() % kDigestBytes != 0 || !AddKeys(identity.token_keys, &tokens) ||
        !InOrder(identity.revoked)) {
        return false;
    }
    // Count the frames here, so that the version changes with every frame. The worker's own version
    // number would not do: it starts again when the server restarts.
    ++version_;
    tokens_ = std::move(tokens);
    revoked_ = identity.revoked;
    crl_ = identity.crl;
    trust_ = identity.trust;
    trust_version_ = VersionOf(trust_);
    return true;
}

bool IdentityState::IsRevoked(const core::Sha256& certificate) const {
    size_t begin = 0;
    size_t end = revoked_.size() / kDigestBytes;
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;
        const int order =
            std::memcmp(revoked_.data() + middle * kDigestBytes, certificate.bytes, kDigestBytes);
        if (order == 0) return true;
        if (order < 0) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return false;
}

}  // namespace pganalytics::gateway
