// Alert functions: the C function that operations on alerts need. sql/alerts/operations.sql
// declares it.
#include "pg/audit/record.hpp"

extern "C" {
#include "utils/builtins.h"
}

extern "C" {

PG_FUNCTION_INFO_V1(pganalytics_acting_role);

// pganalytics_acting_role returns the role that acts. In the API worker this is the role for which
// the worker answers a request; in a session, the role that has logged in. SET ROLE and SECURITY
// DEFINER functions do not change it.
Datum pganalytics_acting_role(PG_FUNCTION_ARGS) {
    using namespace pganalytics::pg;
    if (ActsForAuditSubject(AuditSource::kApi)) {
        const std::string_view actor = AuditActor();
        return DirectFunctionCall1(namein, CStringGetDatum(pnstrdup(actor.data(), actor.size())));
    }
    PG_RETURN_DATUM(
        DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(GetSessionUserId(), false))));
}

}  // extern "C"
