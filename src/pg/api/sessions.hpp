// API sessions: what the table pganalytics.api_sessions knows of a login.
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

// RefreshToken: "pgs_" and the hex of the session's id and 32 random bytes. That the id is in it
// makes every earlier token of a session known for what it is, though only the last one's SHA-256
// is kept; who does not know one of them cannot know the id.
inline constexpr size_t kRefreshTokenBytes = 4 + 2 * (16 + 32);
struct RefreshToken {
    char text[kRefreshTokenBytes + 1];
};

enum class EndReason { kLogout, kReplay, kRole, kPassword };

// All of these need SPI connected and the role of the worker in force.

// StartSession adds a session for a role that has just shown its password, and removes those that
// ended a week ago.
void StartSession(const LoginRole& role, std::string_view address, ApiSession* session,
                  RefreshToken* token);

// FindSession locks and reads a session; false if there is none, it has ended, or it has expired.
bool FindSession(const core::Uuid& session_id, ApiSession* session);

// SessionOfToken gives the id that a refresh token names; false for what is no refresh token.
bool SessionOfToken(std::string_view token, core::Uuid* session_id);

// IsNext: this is the refresh token that the session waits for.
bool IsNext(const ApiSession& session, std::string_view token);

// NextToken replaces the session's refresh token.
void NextToken(const ApiSession& session, RefreshToken* token);

// FitsRole: the role of the session is still the one that logged in, with the same password.
// kRole or kPassword in *why if not.
bool FitsRole(const ApiSession& session, const LoginRole& role, EndReason* why);

// NoteUse keeps last_used_at, to the minute.
void NoteUse(const ApiSession& session);

void EndSession(const ApiSession& session, EndReason reason);

// KeepSession makes a session one of its role's new password, and ends all others of the role.
void KeepSession(const ApiSession& session, const LoginRole& role);

}  // namespace pganalytics::pg
