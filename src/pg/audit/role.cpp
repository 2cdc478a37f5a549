// Audit role: keeps the name of one role, the one that NoteActingRole noted last.
#include "pg/audit/role.hpp"

extern "C" {
#include "utils/inval.h"
#include "utils/syscache.h"
}

namespace pganalytics::pg {
namespace {

Oid noted_role = InvalidOid;
char noted_name[NAMEDATALEN];

Oid RoleInForce() {
    Oid role = InvalidOid;
    int context = 0;
    // Do not call GetUserId: it fails an assertion while the process has no role yet.
    GetUserIdAndSecContext(&role, &context);
    return role;
}

void OnRolesChanged(Datum, int, uint32) { noted_role = InvalidOid; }

void LookUp(Oid role) {
    static bool watching = false;
    if (!IsTransactionState()) return;
    if (!watching) CacheRegisterSyscacheCallback(AUTHOID, OnRolesChanged, Datum{0});
    watching = true;
    const char* const name = GetUserNameFromId(role, true);
    if (name == nullptr) return;
    strlcpy(noted_name, name, sizeof(noted_name));
    noted_role = role;
}

}  // namespace

bool IsOwnWorker() {
    return MyBgworkerEntry != nullptr &&
           strcmp(MyBgworkerEntry->bgw_library_name, "pganalytics") == 0;
}

void NoteActingRole() {
    const Oid role = RoleInForce();
    if (role == noted_role || !OidIsValid(role)) return;
    LookUp(role);
}

std::string_view ActingRole() { return RoleInForce() == noted_role ? noted_name : ""; }

}  // namespace pganalytics::pg
