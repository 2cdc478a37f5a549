// Signing keys: the private halves of token_keys. They are files in the data directory that only
// workers read.
#pragma once

#include <string_view>

#include "pg/base/prelude.hpp"
#include "protocol/credential.hpp"
#include "protocol/token_text.hpp"

namespace pganalytics::pg {

// The most keys in memory: the one that signs, and its predecessors while they may still sign.
inline constexpr int kMaxSigningKeys = 4;

// Sign makes the ES256 signature of `text` with the key `wanted.kid`, whose public half must be
// `wanted.point`. It reads the file pganalytics_token_<kid>.key at the first use. The file must be
// regular and not accessible to group or others, as PostgreSQL requires of key files. False, with a
// reason in *why that names the file. Raises no ERROR.
bool Sign(const protocol::TokenKey& wanted, std::string_view text,
          unsigned char (&signature)[protocol::kTokenSignatureBytes], const char** why);

// KeepSigningKeys frees the keys in memory that are not in the list.
void KeepSigningKeys(const protocol::TokenKey* keys, int count);

}  // namespace pganalytics::pg
