// Audit login: records logins. The authentication hook records the successful ones. A failed one is
// recorded from the message that ends the backend, because the hook misses some failures:
//   PostgreSQL does not call the hook for a host that pg_hba.conf rejects.
//   It calls the hook before it checks that the role may log in and that the database exists.
#include "pg/audit/statements/login.hpp"

#include "pg/audit/record.hpp"
#include "pg/audit/statements/hooks.hpp"
#include "pg/base/compat.h"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "libpq/auth.h"
#include "libpq/hba.h"
#include "libpq/libpq-be.h"
#include "replication/walsender.h"
#include "utils/syscache.h"
}

namespace pganalytics::pg {
namespace {

ClientAuthentication_hook_type previous_authentication_hook = nullptr;

void AddConnection(AuditRecord* record, const Port* port) {
    if (port->hba != nullptr) {
        AddAuditDetail(record, "method", hba_authname(port->hba->auth_method));
    }
    AddAuditDetail(record, "ssl", port->ssl_in_use);
    if (am_walsender) AddAuditDetail(record, "replication", true);
}

// MayLogIn checks the role before PostgreSQL does, because with "trust" or a certificate a client
// can authenticate as a role that does not exist. The later checks (the database, a limit) need not
// be repeated: a client that they refuse has proved who it is.
bool MayLogIn(const char* name) {
    if (!IsTransactionState()) return true;
    HeapTuple const tuple = SearchSysCache1(AUTHNAME, CStringGetDatum(name));
    if (!HeapTupleIsValid(tuple)) return false;
    const bool may = reinterpret_cast<Form_pg_authid>(GETSTRUCT(tuple))->rolcanlogin;
    ReleaseSysCache(tuple);
    return may;
}

void OnAuthentication(Port* port, int status) {
    if (previous_authentication_hook != nullptr) previous_authentication_hook(port, status);
    if (status != STATUS_OK || !Auditing() || !MayLogIn(port->user_name)) return;
    RequireAuditRoom();
    AuditRecord record;
    BeginAudit(&record, protocol::AuditEvent::kLogin);
    AddConnection(&record, port);
#ifdef USE_SSL
    if (port->ssl_in_use) AddAuditDetail(&record, "tls", be_tls_get_version(port));
#endif
    const char* const identity = AuthenticatedIdentity(*port);
    if (identity != nullptr) AddAuditDetail(&record, "identity", identity);
    char version[32];
    pg_snprintf(version, sizeof(version), "%u.%u", PG_PROTOCOL_MAJOR(port->proto),
                PG_PROTOCOL_MINOR(port->proto));
    AddAuditDetail(&record, "protocol", version);
    PutAudit(record);
}

// ReasonOf returns our own words for why a client was refused, nullptr if the error does not refuse
// it. Errors with SQLSTATE 28000 differ only in their messages. ReasonOf compares the message's
// format in PostgreSQL's source, because the format contains nothing that the client sent.
const char* ReasonOf(const ErrorData& error) {
    constexpr struct {
        const char* format;
        const char* reason;
    } kFormats[] = {
        {"pg_hba.conf rejects", "rejected by pg_hba.conf"},
        {"no pg_hba.conf entry", "no entry in pg_hba.conf"},
        {"role \"%s\" does not exist", "no such role"},
        {"role with OID", "no such role"},
        {"role \"%s\" is not permitted to log in", "role may not log in"},
        {"no PostgreSQL user name", "no user name was sent"},
        {"connection requires a valid client certificate", "no valid certificate"},
        {"certificate authentication failed", "certificate is of somebody else"},
    };
    switch (error.sqlerrcode) {
        case ERRCODE_INVALID_PASSWORD:
            return "wrong password, or no such role";
        case ERRCODE_INVALID_CATALOG_NAME:
            return "no such database";
        case ERRCODE_TOO_MANY_CONNECTIONS:
            return "too many connections";
        case ERRCODE_INSUFFICIENT_PRIVILEGE:
            return "a privilege is missing";
        case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
            return "database does not accept connections";
        case ERRCODE_QUERY_CANCELED:
            return "authentication took too long";
        case ERRCODE_INSUFFICIENT_RESOURCES:
            return "the audit log is full";
        default:
            break;
    }
    if (ERRCODE_TO_CATEGORY(error.sqlerrcode) !=
        ERRCODE_TO_CATEGORY(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION)) {
        return nullptr;
    }
    for (const auto& one : kFormats) {
        if (error.message_id != nullptr &&
            strncmp(error.message_id, one.format, strlen(one.format)) == 0) {
            return one.reason;
        }
    }
    return "not authenticated";
}

}  // namespace

bool RecordFailedLogin(const ErrorData& error) {
    const char* const reason = ReasonOf(error);
    if (reason == nullptr) return false;
    AuditRecord record;
    BeginAudit(&record, protocol::AuditEvent::kLoginFailed);
    record.outcome = AuditOutcome::kDenied;
    AddAuditDetail(&record, "sqlstate", unpack_sql_state(error.sqlerrcode));
    AddAuditDetail(&record, "reason", reason);
    AddConnection(&record, MyProcPort);
    PutAudit(record);
    return true;
}

void InstallLoginHooks() {
    previous_authentication_hook = ClientAuthentication_hook;
    ClientAuthentication_hook = OnAuthentication;
}

}  // namespace pganalytics::pg
