// API sessions: reads and writes the sessions of logins in pganalytics.api_sessions.
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
    TimestampTz created_at;
    TimestampTz expires_at;
};

// RefreshToken is "pgs_" and the hex of the session's id and of 32 random bytes. The id lets us
// recognize every earlier token of a session, though only the SHA-256 of the last one is kept.
// Nobody can know the id without one of these tokens.
inline constexpr size_t kRefreshTokenBytes = 4 + 2 * (16 + 32);
struct RefreshToken {
    char text[kRefreshTokenBytes + 1];
};

enum class EndReason { kLogout, kReplay, kRole, kPassword };

// All functions need SPI connected; the current role must be that of the worker.

// StartSession adds a session for a role whose password was just checked, and removes sessions that
// expired a week ago.
void StartSession(const LoginRole& role, std::string_view address, ApiSession* session,
                  RefreshToken* token);

// FindSession locks and reads a session. False if there is none, or it has ended or expired.
bool FindSession(const core::Uuid& session_id, ApiSession* session);

// SessionOfToken reads the id in a refresh token; false if the text is no refresh token.
bool SessionOfToken(std::string_view token, core::Uuid* session_id);

// IsNext is true for the refresh token that the session expects next.
bool IsNext(const ApiSession& session, std::string_view token);

// NextToken replaces the session's refresh token.
void NextToken(const ApiSession& session, RefreshToken* token);

// FitsRole is true if the role is still the one that logged in, with the same password. Otherwise
// *why is kRole or kPassword.
bool FitsRole(const ApiSession& session, const LoginRole& role, EndReason* why);

// NoteUse updates last_used_at, at most once a minute.
void NoteUse(const ApiSession& session);

void EndSession(const ApiSession& session, EndReason reason);

// KeepSession keeps a session valid after its role's password has changed, and ends all other
// sessions of the role.
void KeepSession(const ApiSession& session, const LoginRole& role);

}  // namespace pganalytics::pg
