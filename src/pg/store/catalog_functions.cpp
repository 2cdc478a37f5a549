// Catalog functions: return the metric catalog and the retention settings as rows, so that SQL can
// use what the library knows.
#include "pg/base/guc.hpp"
#include "pg/base/prelude.hpp"
#include "pg/base/statement.hpp"
#include "protocol/catalog/catalog.hpp"

namespace pganalytics::pg {
namespace {

const char* NameOf(protocol::ColumnType type) {
    switch (type) {
        case protocol::ColumnType::kInt8:
            return "bigint";
        case protocol::ColumnType::kFloat8:
            return "double precision";
        case protocol::ColumnType::kBool:
            return "boolean";
        case protocol::ColumnType::kTimestamp:
            return "timestamp with time zone";
        case protocol::ColumnType::kLsn:
            return "pg_lsn";
        case protocol::ColumnType::kJson:
            return "json";
        case protocol::ColumnType::kText:
            break;
    }
    return "text";
}

const char* NameOf(protocol::ColumnRole role) {
    switch (role) {
        case protocol::ColumnRole::kTime:
            return "time";
        case protocol::ColumnRole::kDatabase:
            return "database";
        case protocol::ColumnRole::kIdentity:
            return "identity";
        case protocol::ColumnRole::kText:
            return "text";
        case protocol::ColumnRole::kStatsSince:
            return "stats_since";
        case protocol::ColumnRole::kCounter:
            return "counter";
        case protocol::ColumnRole::kValue:
            break;
    }
    return "value";
}

const char* NameOf(protocol::Scope scope) {
    switch (scope) {
        case protocol::Scope::kMetric:
            return "metric";
        case protocol::Scope::kMember:
            return "member";
        case protocol::Scope::kInnerMember:
            return "inner member";
        case protocol::Scope::kRow:
            break;
    }
    return "row";
}

const char* NameOf(protocol::Content content) {
    switch (content) {
        case protocol::Content::kSql:
            return "sql";
        case protocol::Content::kMessage:
            return "message";
        case protocol::Content::kAnything:
            return "anything";
        case protocol::Content::kNames:
            break;
    }
    return "names";
}

const char* NameOf(protocol::Keep keep) {
    switch (keep) {
        case protocol::Keep::kChanges:
            return "changes";
        case protocol::Keep::kOnce:
            return "once";
        case protocol::Keep::kAll:
            break;
    }
    return "all";
}

const char* NameOf(protocol::Family family) {
    switch (family) {
        case protocol::Family::kQuerySamples:
            return "query_samples";
        case protocol::Family::kLogs:
            return "logs";
        case protocol::Family::kMetrics:
            break;
    }
    return "metrics";
}

void PutRow(FunctionCallInfo fcinfo, Datum* values) {
    constexpr int kMostColumns = 8;
    auto* const result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    bool nulls[kMostColumns] = {};
    Assert(result->setDesc->natts <= kMostColumns);
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

}  // namespace
}  // namespace pganalytics::pg

extern "C" {

PG_FUNCTION_INFO_V1(pganalytics_metrics);
PG_FUNCTION_INFO_V1(pganalytics_metric_columns);
PG_FUNCTION_INFO_V1(pganalytics_retention_settings);

Datum pganalytics_metrics(PG_FUNCTION_ARGS) {
    using namespace pganalytics;
    InitMaterializedSRF(fcinfo, 0);
    for (const protocol::Metric& metric : protocol::Catalog()) {
        Datum values[] = {pg::TextDatum(metric.relation), pg::TextDatum(metric.type),
                          pg::TextDatum(metric.rows_path),
                          CStringGetTextDatum(pg::NameOf(metric.keep)),
                          CStringGetTextDatum(pg::NameOf(metric.family))};
        pg::PutRow(fcinfo, values);
    }
    PG_RETURN_NULL();
}

Datum pganalytics_metric_columns(PG_FUNCTION_ARGS) {
    using namespace pganalytics;
    InitMaterializedSRF(fcinfo, 0);
    for (const protocol::Metric& metric : protocol::Catalog()) {
        int ordinal = 0;
        for (const protocol::Column& column : metric.columns) {
            Datum values[] = {pg::TextDatum(metric.relation),
                              Int32GetDatum(++ordinal),
                              pg::TextDatum(column.name),
                              pg::TextDatum(column.json_key),
                              CStringGetTextDatum(pg::NameOf(column.type)),
                              CStringGetTextDatum(pg::NameOf(column.role)),
                              CStringGetTextDatum(pg::NameOf(column.scope)),
                              CStringGetTextDatum(pg::NameOf(column.content))};
            pg::PutRow(fcinfo, values);
        }
    }
    PG_RETURN_NULL();
}

// pganalytics_retention_settings returns what postgresql.conf says. It is in C because an SQL
// function would read a setting by its name: until a session has loaded the library, the session
// could set a placeholder of that name to any value.
Datum pganalytics_retention_settings(PG_FUNCTION_ARGS) {
    using namespace pganalytics;
    InitMaterializedSRF(fcinfo, 0);
    const struct {
        const char* family;
        int days;
    } settings[] = {{"query_samples", pg::settings.retention_query_samples_days},
                    {"metrics", pg::settings.retention_metrics_days},
                    {"logs", pg::settings.retention_logs_days},
                    {"ledger", pg::settings.retention_ledger_days}};
    for (const auto& setting : settings) {
        Datum values[] = {CStringGetTextDatum(setting.family), Int32GetDatum(setting.days)};
        pg::PutRow(fcinfo, values);
    }
    PG_RETURN_NULL();
}

}  // extern "C"
