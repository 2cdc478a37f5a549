// Login: people log in as roles of PostgreSQL, with the passwords of these roles.
#pragma once

#include <cstdint>

#include "core/types.hpp"
#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// PersonLevel names the highest of pganalytics' roles whose privileges a role has. A superuser has
// kAdmin.
enum class PersonLevel : int { kNone, kViewer, kOperator, kAdmin };

// LoginRole is a role as the current transaction sees it.
struct LoginRole {
    Oid oid;
    NameData name;
    PersonLevel level;
    core::Sha256 verifier_sha256;  // hash of the password verifier that PostgreSQL stores
};

// PrepareLogins makes a mock verifier, with which CheckPassword compares the password if a role
// does not exist or has no verifier. Call it once, at start. Returns nullptr, or the error.
// REQUIRES: no transaction in progress.
ErrorData* PrepareLogins();

// FindLoginRole finds the role of this name. Returns false unless the role exists, has LOGIN and
// CONNECT on this database, and has a SCRAM verifier that is still valid. REQUIRES: a transaction.
bool FindLoginRole(const char* name, LoginRole* role);

// CheckPassword is FindLoginRole plus a check of the password. It leaves copies of the password in
// the current memory context. If verifiers have the default number of iterations, it takes as long
// for a role that does not exist as for a wrong password.
bool CheckPassword(const char* name, const char* password, LoginRole* role);

// ChangePassword sets a new password for a role, with the privileges of that role. It updates
// *role. No statement text contains the password, but check_password_hook (e.g. of passwordcheck)
// sees it. Raises any ERROR of ALTER ROLE, and ERROR 28000 if the role can then no longer log in.
// REQUIRES: the password is not empty, and IsVerifier() is false for it.
void ChangePassword(LoginRole* role, char* password);

// IsVerifier: PostgreSQL would take this password for one that is already hashed. It leaves a copy
// of the password in the current memory context.
bool IsVerifier(const char* password);

// BecomePerson switches to a role. The role's privileges and row security apply until the
// transaction ends or BecomeWorker is called. Until then PostgreSQL refuses SET ROLE and RESET ROLE
// everywhere.
void BecomePerson(const LoginRole& role);
void BecomeWorker();

}  // namespace pganalytics::pg
