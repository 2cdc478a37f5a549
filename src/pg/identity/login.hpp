// Login: people are roles of PostgreSQL, and their passwords are those that it keeps.
#pragma once

#include <cstdint>

#include "core/types.hpp"
#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// PersonLevel is the highest of our roles that a role has; superusers are administrators.
enum class PersonLevel : int { kNone, kViewer, kOperator, kAdmin };

// LoginRole is a role as it is in this transaction.
struct LoginRole {
    Oid oid;
    NameData name;
    PersonLevel level;
    core::Sha256 verifier_sha256;  // of its password as PostgreSQL stores it
};

// PrepareLogins makes what stands in for the password of a role that has none, once, at start.
// nullptr, or why it could not. REQUIRES: no transaction in progress.
ErrorData* PrepareLogins();

// FindLoginRole gives a role that may log in: it exists with exactly this name, has LOGIN, CONNECT
// on this database, and a SCRAM verifier that is still valid. False for every other one.
// REQUIRES: a transaction.
bool FindLoginRole(const char* name, LoginRole* role);

// CheckPassword is FindLoginRole for who says a password, of which there are copies in the current
// memory context then. It takes as long for a role that does not
// exist as for a wrong password, if verifiers have the number of iterations that is the default.
bool CheckPassword(const char* name, const char* password, LoginRole* role);

// ChangePassword gives a role another password, with the right of the role itself. No statement has
// the password in its text, but check_password_hook (as of passwordcheck) sees it. *role is brought
// up to date. ERROR as ALTER ROLE raises it. REQUIRES: the password is no verifier and not empty.
void ChangePassword(LoginRole* role, char* password);

// IsVerifier: a password that PostgreSQL would take for one that is hashed already. Leaves a copy
// of it in the current memory context.
bool IsVerifier(const char* password);

// BecomePerson makes a role the one whose privileges and row security count, until the transaction
// ends or BecomeWorker is called. SET ROLE and RESET ROLE are refused meanwhile, wherever they
// stand.
void BecomePerson(const LoginRole& role);
void BecomeWorker();

}  // namespace pganalytics::pg
