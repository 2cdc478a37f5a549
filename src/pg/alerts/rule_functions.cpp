// Rule functions: the functions of alert rules that SQL calls. sql/alerts/engine.sql declares them.
#include "pg/alerts/rule_template.hpp"
#include "pg/alerts/rules.hpp"
#include "pg/base/guc.hpp"
#include "pg/base/visible_text.hpp"

extern "C" {
#include "utils/float.h"
}

namespace pganalytics::pg {
namespace {

[[noreturn]] void RefuseSetting(const char* name) {
    ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
            errmsg("there is no setting \"%s\" of pganalytics", name));
    pg_unreachable();
}

// ReadSetting returns the value of a setting of pganalytics in the setting's own unit. It raises
// ERROR 42704 if there is no such setting, and 22023 if its value is no number.
double ReadSetting(const char* name) {
    constexpr char kPrefix[] = "pganalytics.";
    const char* const text = strncmp(name, kPrefix, sizeof(kPrefix) - 1) == 0
                                 ? GetConfigOption(name, true, true)
                                 : nullptr;
    if (text == nullptr) RefuseSetting(name);
    char* end = nullptr;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0') {
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                errmsg("setting \"%s\" is no number", name));
    }
    return value;
}

}  // namespace
}  // namespace pganalytics::pg

extern "C" {

PG_FUNCTION_INFO_V1(pganalytics_run_rule);
PG_FUNCTION_INFO_V1(pganalytics_check_rule_query);
PG_FUNCTION_INFO_V1(pganalytics_setting_value);
PG_FUNCTION_INFO_V1(pganalytics_alert_retention);
PG_FUNCTION_INFO_V1(pganalytics_in_extension_script);
PG_FUNCTION_INFO_V1(pganalytics_expand_template);
PG_FUNCTION_INFO_V1(pganalytics_visible_text);

// pganalytics_run_rule returns a row for each label set. It raises the same errors as RunRule.
Datum pganalytics_run_rule(PG_FUNCTION_ARGS) {
    using namespace pganalytics::pg;
    InitMaterializedSRF(fcinfo, 0);
    auto* const result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    const Findings findings = RunRule(text_to_cstring(PG_GETARG_TEXT_PP(0)),
                                      PG_GETARG_TIMESTAMPTZ(1), CurrentMemoryContext);
    for (int i = 0; i < findings.count; ++i) {
        const Finding& finding = findings.list[i];
        Datum values[] = {JsonbPGetDatum(finding.labels), Float8GetDatum(finding.value)};
        bool nulls[] = {false, finding.is_null};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    PG_RETURN_NULL();
}

Datum pganalytics_check_rule_query(PG_FUNCTION_ARGS) {
    pganalytics::pg::CheckRuleQuery(text_to_cstring(PG_GETARG_TEXT_PP(0)));
    PG_RETURN_BOOL(true);
}

// pganalytics_setting_value is in C, because a session that has not loaded the library does not
// know the settings of pganalytics, or knows only placeholders that it has set itself.
Datum pganalytics_setting_value(PG_FUNCTION_ARGS) {
    PG_RETURN_FLOAT8(pganalytics::pg::ReadSetting(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}

Datum pganalytics_alert_retention(FunctionCallInfo) {
    PG_RETURN_INT32(pganalytics::pg::settings.retention_alerts_days);
}

Datum pganalytics_in_extension_script(FunctionCallInfo) { PG_RETURN_BOOL(creating_extension); }

Datum pganalytics_expand_template(PG_FUNCTION_ARGS) {
    using namespace pganalytics::pg;
    const char* const value = PG_ARGISNULL(2) ? "" : float8out_internal(PG_GETARG_FLOAT8(2));
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(
        ExpandTemplate(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_JSONB_P(1), value)));
}

Datum pganalytics_visible_text(PG_FUNCTION_ARGS) {
    using namespace pganalytics::pg;
    text* const shown = PG_GETARG_TEXT_PP(0);
    StringInfoData out;
    initStringInfo(&out);
    AppendVisible(&out, {VARDATA_ANY(shown), static_cast<size_t>(VARSIZE_ANY_EXHDR(shown))});
    PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

}  // extern "C"
