// Audit functions: an SQL function that returns the kinds of events. Readers use it, and a test
// compares its rows with the manual.
#include "pg/base/prelude.hpp"
#include "pg/base/statement.hpp"
#include "protocol/audit_events.hpp"

extern "C" {

PG_FUNCTION_INFO_V1(pganalytics_audit_events);

Datum pganalytics_audit_events(PG_FUNCTION_ARGS) {
    using namespace pganalytics;
    InitMaterializedSRF(fcinfo, 0);
    auto* const result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (const protocol::AuditEventKind& kind : protocol::kAuditEvents) {
        Datum values[] = {pg::TextDatum(kind.name), pg::TextDatum(protocol::NameOf(kind.severity)),
                          BoolGetDatum(kind.transactional), BoolGetDatum(kind.optional),
                          pg::TextDatum(kind.meaning)};
        bool nulls[lengthof(values)] = {};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    PG_RETURN_NULL();
}

}  // extern "C"
