// Alert functions: what operations on alerts need of the server; sql/alerts/operations.sql
// declares it.
#include "pg/audit/record.hpp"

extern "C" {
#include "utils/builtins.h"
}

extern "C" {

PG_FUNCTION_INFO_V1(pganalytics_acting_role);

// pganalytics_acting_role gives the role of a person at the port for people, else the one that has
// logged in: neither SET ROLE nor a function with its owner's rights changes it.
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
