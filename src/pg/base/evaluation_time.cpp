// Evaluation time: a setting whose text is parsed once, when it is set.
#include "pg/base/evaluation_time.hpp"

#include "pg/base/compat.h"

namespace pganalytics::pg {
namespace {

// set_time points to the parsed value of the setting. PostgreSQL owns this memory: it is the
// setting's `extra`. nullptr: the setting is empty, so rules are evaluated as of now.
const TimestampTz* set_time = nullptr;

}  // namespace

bool CheckEvaluationTime(char** value, void** extra, GucSource) noexcept {
    if (**value == '\0') return true;
    TimestampTz time = 0;
    if (!ReadTimestampTz(*value, &time)) {
        GUC_check_errdetail("It is no point in time.");
        GUC_check_errhint("Write it as in \"2026-08-01 12:00:00Z\"; empty: now.");
        return false;
    }
    auto* const kept = static_cast<TimestampTz*>(AllocateGucExtra(sizeof(TimestampTz)));
    if (kept == nullptr) return false;
    *kept = time;
    *extra = kept;
    return true;
}

void AssignEvaluationTime(const char*, void* extra) noexcept {
    set_time = static_cast<const TimestampTz*>(extra);
}

TimestampTz EvaluationTime() {
    return set_time != nullptr ? *set_time : GetCurrentTransactionStartTimestamp();
}

void SetEvaluationTime(TimestampTz at) {
    // Write the time zone into the text, because the session may have any TimeZone.
    char text[MAXDATELEN + 1];
    pg_tm parts = {};
    fsec_t fraction = 0;
    int zone = 0;
    if (TIMESTAMP_NOT_FINITE(at) ||
        timestamp2tm(at, &zone, &parts, &fraction, nullptr, pg_tzset("UTC")) != 0) {
        ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
                errmsg("a rule cannot be evaluated at this time"));
    }
    EncodeDateTime(&parts, fraction, true, 0, nullptr, USE_ISO_DATES, text);
    (void)set_config_option(kEvaluationTimeSetting, text, PGC_USERSET, PGC_S_SESSION,
                            GUC_ACTION_LOCAL, true, 0, false);
}

}  // namespace pganalytics::pg

extern "C" {

PG_FUNCTION_INFO_V1(pganalytics_evaluation_time);

Datum pganalytics_evaluation_time(FunctionCallInfo) {
    PG_RETURN_TIMESTAMPTZ(pganalytics::pg::EvaluationTime());
}

}  // extern "C"
