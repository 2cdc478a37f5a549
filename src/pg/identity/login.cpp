// Login: finds roles and checks passwords with PostgreSQL's own functions and catalogs.
#include "pg/identity/login.hpp"

#include "pg/base/compat.h"
#include "pg/base/digest.hpp"
#include "pg/base/session.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "commands/user.h"
#include "libpq/crypt.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
#include "utils/syscache.h"
}

namespace pganalytics::pg {
namespace {

const char* mock_verifier = nullptr;

PersonLevel LevelOf(Oid role) {
    if (superuser_arg(role)) return PersonLevel::kAdmin;
    constexpr struct {
        const char* name;
        PersonLevel level;
    } kRoles[] = {{"pganalytics_admin", PersonLevel::kAdmin},
                  {"pganalytics_operator", PersonLevel::kOperator},
                  {"pganalytics_viewer", PersonLevel::kViewer}};
    for (const auto& ours : kRoles) {
        const Oid oid = get_role_oid(ours.name, true);
        // Check privileges, not membership: a NOINHERIT member would have to SET ROLE first, and
        // nobody can do that here.
        if (OidIsValid(oid) && has_privs_of_role(role, oid)) return ours.level;
    }
    return PersonLevel::kNone;
}

// VerifierOf returns the SCRAM verifier of a role that may log in. It returns nullptr if the role
// does not exist or has no LOGIN, no password, an MD5 password, or a password whose VALID UNTIL has
// passed.
const char* VerifierOf(const char* name, LoginRole* role) {
    if (strlen(name) >= NAMEDATALEN) return nullptr;
    HeapTuple const tuple = SearchSysCache1(AUTHNAME, CStringGetDatum(name));
    if (!HeapTupleIsValid(tuple)) return nullptr;
    const auto* const row = reinterpret_cast<Form_pg_authid>(GETSTRUCT(tuple));
    const bool may_login = row->rolcanlogin;
    role->oid = row->oid;
    role->name = row->rolname;
    ReleaseSysCache(tuple);
    const char* detail = nullptr;
    const char* const verifier = may_login ? get_role_password(name, &detail) : nullptr;
    if (verifier == nullptr || get_password_type(verifier) != PASSWORD_TYPE_SCRAM_SHA_256) {
        return nullptr;
    }
    return verifier;
}

bool Complete(const char* verifier, LoginRole* role) {
    role->verifier_sha256 = DigestBytes(verifier);
    role->level = LevelOf(role->oid);
    return MayConnect(role->oid);
}

}  // namespace

ErrorData* PrepareLogins() {
    // The transaction is needed because PostgreSQL's digest functions need its resource owner.
    return Transact([] {
        char random[33];
        if (!pg_strong_random(random, sizeof(random) - 1)) {
            elog(ERROR, "could not draw random bytes");
        }
        // The password may have any bytes but NUL: if it is not UTF-8, PostgreSQL uses it
        // unchanged.
        for (char& c : random) c = static_cast<char>(c | 1);
        random[sizeof(random) - 1] = '\0';
        const char* const verifier = encrypt_password(PASSWORD_TYPE_SCRAM_SHA_256, "", random);
        explicit_bzero(random, sizeof(random));
        mock_verifier = MemoryContextStrdup(TopMemoryContext, verifier);
    });
}

bool FindLoginRole(const char* name, LoginRole* role) {
    const char* const verifier = VerifierOf(name, role);
    return verifier != nullptr && Complete(verifier, role);
}

bool CheckPassword(const char* name, const char* password, LoginRole* role) {
    const char* const verifier = VerifierOf(name, role);
    const char* detail = nullptr;
    // If there is no verifier, verify against the mock, so that the time does not reveal which
    // roles exist.
    const bool right = plain_crypt_verify(name, verifier == nullptr ? mock_verifier : verifier,
                                          password, &detail) == STATUS_OK;
    return right && verifier != nullptr && Complete(verifier, role);
}

bool IsVerifier(const char* password) {
    return get_password_type(password) != PASSWORD_TYPE_PLAINTEXT;
}

void ChangePassword(LoginRole* role, char* password) {
    RoleSpec* const spec = makeNode(RoleSpec);
    spec->roletype = ROLESPEC_CSTRING;
    spec->rolename = NameStr(role->name);
    spec->location = -1;
    AlterRoleStmt* const statement = makeNode(AlterRoleStmt);
    statement->role = spec;
    statement->options = list_make1(
        makeDefElem(pstrdup("password"), reinterpret_cast<Node*>(makeString(password)), -1));
    statement->action = +1;
    BecomePerson(*role);
    AlterRole(make_parsestate(nullptr), statement);
    BecomeWorker();
    CommandCounterIncrement();
    if (!FindLoginRole(NameStr(role->name), role)) {
        ereport(ERROR, errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
                errmsg("role \"%s\" can no longer log in", NameStr(role->name)));
    }
}

void BecomePerson(const LoginRole& role) {
    SetUserIdAndSecContext(role.oid, SECURITY_LOCAL_USERID_CHANGE);
}

void BecomeWorker() { SetUserIdAndSecContext(GetSessionUserId(), 0); }

}  // namespace pganalytics::pg
