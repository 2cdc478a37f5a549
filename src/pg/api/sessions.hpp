// API sessions: reads and writes the sessions of people who have logged in, in
// pganalytics.api_sessions.
#pragma once

#include <string_view>

#include "core/types.hpp"
#include "pg/base/prelude.hpp"
#include "pg/identity/login.hpp"

namespace pganalytics::pg {

// ApiSession is a session that has neither ended nor expired.
struct ApiSession {
    core::Uuid session_id;
    Oid role_oid;
    NameData role_name;
    core::Sha256 refresh_sha256;
    core::Sha256 verifier_sha256;
    // The token before the newest one, while it has its grace: its hash, and the secret of the
    // newest token, masked by a hash of the token before it.
    bool in_grace;
    core::Sha256 previous_sha256;
    core::Sha256 next_masked;
    TimestampTz created_at;
    TimestampTz expires_at;
};

// RefreshToken is "pgs_", then the session's id and 32 random bytes, both in hexadecimal digits.
// The table has only the SHA-256 of a session's two newest tokens. For an older token, the id in it
// tells to which session it belongs. Only the person and administrators can learn the id.
inline constexpr size_t kRefreshTokenBytes = 4 + 2 * (16 + 32);
struct RefreshToken {
    char text[kRefreshTokenBytes + 1];
};

enum class EndReason { kLogout, kReplay, kRole, kPassword };

// All functions below raise any ERROR of their statements.
// REQUIRES: SPI connected; the current role is that of the worker.

// StartSession adds a session for a role whose password was just checked. It also removes sessions
// that expired more than a week ago.
void StartSession(const LoginRole& role, std::string_view address, ApiSession* session,
                  RefreshToken* token);

// FindSession locks and reads a session. It returns false if the session does not exist, has ended
// or has expired.
bool FindSession(const core::Uuid& session_id, ApiSession* session);

// SessionOfToken reads the session's id from a refresh token. It returns false if the text is no
// refresh token.
bool SessionOfToken(std::string_view token, core::Uuid* session_id);

// IsNext: the token is the newest refresh token of the session, the only one that is still unused.
bool IsNext(const ApiSession& session, std::string_view token);

// NextToken makes a new refresh token and stores its hash in the session instead of that of
// `token`, the newest one until now.
void NextToken(const ApiSession& session, std::string_view token, RefreshToken* next);

// NextTokenAgain: `token` is the one before the newest, and was exchanged within the last ten
// seconds: two tabs of a browser have sent it at the same time. It gives the newest token again,
// which only the holder of `token` can unmask.
bool NextTokenAgain(const ApiSession& session, std::string_view token, RefreshToken* next);

// FitsRole: the role is still the one that logged in, and has the same password. If not, *why is
// kRole or kPassword.
bool FitsRole(const ApiSession& session, const LoginRole& role, EndReason* why);

// NoteUse updates last_used_at, at most once a minute.
void NoteUse(const ApiSession& session);

void EndSession(const ApiSession& session, EndReason reason);

// KeepSession keeps a session valid after its role's password has changed, and ends all other
// sessions of the role.
void KeepSession(const ApiSession& session, const LoginRole& role);

}  // namespace pganalytics::pg
