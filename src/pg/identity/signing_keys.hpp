// Signing keys: the private keys that belong to token_keys. They are files in the data directory
// that only workers read.
#pragma once

#include <string_view>

#include "pg/base/prelude.hpp"
#include "protocol/credential.hpp"
#include "protocol/token_text.hpp"

namespace pganalytics::pg {

// At most this many keys are in memory: the one that signs, and its predecessors while they may
// still sign.
inline constexpr int kMaxSigningKeys = 4;

// Sign makes the ES256 signature of `text` with the key `wanted.kid`. At the first use of a key it
// reads the key from the file pganalytics_token_<kid>.key. It checks that the public key is
// `wanted.point`, and that the file is a regular file without access for group and others, as
// PostgreSQL requires of key files. If Sign fails, it returns false and sets *why to the reason,
// which names the file if that is at fault. *why is valid until the next failure. Raises no ERROR.
bool Sign(const protocol::TokenKey& wanted, std::string_view text,
          unsigned char (&signature)[protocol::kTokenSignatureBytes], const char** why);

// KeepSigningKeys frees the keys in memory that are not in the list.
void KeepSigningKeys(const protocol::TokenKey* keys, int count);

}  // namespace pganalytics::pg
