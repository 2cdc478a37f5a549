// Evaluation time: the time as of which rules of alerts look at the tables.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

inline constexpr char kEvaluationTimeSetting[] = "pganalytics.evaluation_time";

// The hooks of that setting: a time as timestamptz takes it, or nothing.
bool CheckEvaluationTime(char** value, void** extra, GucSource source) noexcept;
void AssignEvaluationTime(const char* value, void* extra) noexcept;

// EvaluationTime gives what is set, else the beginning of the transaction.
// REQUIRES: a transaction.
TimestampTz EvaluationTime();

// SetEvaluationTime sets it until the subtransaction ends.
void SetEvaluationTime(TimestampTz at);

}  // namespace pganalytics::pg
