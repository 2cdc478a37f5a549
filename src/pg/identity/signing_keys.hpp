// Signing keys: the private halves of token_keys, files in the data directory that only workers
// read.
#pragma once

#include <string_view>

#include "pg/base/prelude.hpp"
#include "protocol/credential.hpp"
#include "protocol/token_text.hpp"

namespace pganalytics::pg {

// How many keys are kept in memory: one that signs, and those before it until they no longer do.
inline constexpr int kMaxSigningKeys = 4;

// Sign makes the ES256 signature of `text` with the key `wanted.kid`, whose public half must be
// `wanted.point`. The file pganalytics_token_<kid>.key is read at its first use; it must be regular
// and closed to group and others, as PostgreSQL has it for keys. False, with a reason in *why that
// names the file. Raises no ERROR.
bool Sign(const protocol::TokenKey& wanted, std::string_view text,
          unsigned char (&signature)[protocol::kTokenSignatureBytes], const char** why);

// KeepSigningKeys frees the keys in memory that are not in the list.
void KeepSigningKeys(const protocol::TokenKey* keys, int count);

}  // namespace pganalytics::pg
