// Tokens: signs tokens (ES256) with the newest key of pganalytics.token_keys.
#pragma once

#include <string_view>

#include "pg/base/shmem.hpp"
#include "protocol/messages.hpp"
#include "protocol/token_text.hpp"

namespace pganalytics::pg {

// TokenKeyOf reads a key from the first two columns (kid, public_key) of a row of SPI_tuptable.
protocol::TokenKey TokenKeyOf(uint64 row);

// SignToken signs the claims, with a random token_id. The token lives in the current memory
// context. If no key can sign, because there is none yet or its file is not valid, it returns false
// with a reason in *why. REQUIRES: SPI connected; SELECT on token_keys.
bool SignToken(const protocol::TokenClaims& claims, std::string_view* token, const char** why);

// AnswerTokenRequest answers a TokenRequest: 200 with a token, 403, or 503. The reply's strings
// live in `context`. An ERROR is reported as a trouble of the worker with this row. Raises no
// ERROR. REQUIRES: no transaction in progress; the current role is the ingest role.
protocol::TokenReply AnswerTokenRequest(const protocol::TokenRequest& request, WorkerStatus* status,
                                        MemoryContext context);

}  // namespace pganalytics::pg
