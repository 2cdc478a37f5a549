// Login: people are roles of PostgreSQL and log in with the passwords that it stores.
#pragma once

#include <cstdint>

#include "core/types.hpp"
#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// PersonLevel is the highest of our roles whose privileges a role has. Superusers are
// administrators.
enum class PersonLevel : int { kNone, kViewer, kOperator, kAdmin };

// LoginRole is a role as this transaction sees it.
struct LoginRole {
    Oid oid;
    NameData name;
    PersonLevel level;
    core::Sha256 verifier_sha256;  // of the verifier that PostgreSQL stores
};

// PrepareLogins makes a mock verifier that stands in for the password of a role that has none. Call
// it once, at start. Returns nullptr, or the error. REQUIRES: no transaction in progress.
ErrorData* PrepareLogins();

// FindLoginRole finds a role that may log in: it has exactly this name, LOGIN, CONNECT on this
// database, and a SCRAM verifier that is still valid. False for every other role.
// REQUIRES: a transaction.
bool FindLoginRole(const char* name, LoginRole* role);

// CheckPassword is FindLoginRole plus a check of the password. It leaves copies of the password in
// the current memory context. For a role that does not exist it takes as long as for a wrong
// password, provided that verifiers have the default number of iterations.
bool CheckPassword(const char* name, const char* password, LoginRole* role);

// ChangePassword sets a new password for a role, with the privileges of that role. No statement
// text contains the password, but check_password_hook (e.g. of passwordcheck) sees it. *role is
// updated. ERROR as ALTER ROLE raises it. REQUIRES: the password is no verifier and not empty.
void ChangePassword(LoginRole* role, char* password);

// IsVerifier is true for a password that PostgreSQL would take as already hashed. It leaves a copy
// of the password in the current memory context.
bool IsVerifier(const char* password);

// BecomePerson switches to a role: its privileges and row security apply until the transaction ends
// or BecomeWorker is called. Until then PostgreSQL refuses SET ROLE and RESET ROLE everywhere.
void BecomePerson(const LoginRole& role);
void BecomeWorker();

}  // namespace pganalytics::pg
