// Evaluation time: the point in time as of which an alert rule evaluates the tables.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

inline constexpr char kEvaluationTimeSetting[] = "pganalytics.evaluation_time";

// CheckEvaluationTime and AssignEvaluationTime are the check and assign hooks of this setting. Its
// value is a finite time in a form that timestamptz accepts. If it is empty, the rules read the
// tables as of now.
bool CheckEvaluationTime(char** value, void** extra, GucSource source) noexcept;
void AssignEvaluationTime(const char* value, void* extra) noexcept;

// EvaluationTime returns the value of the setting, or the start of the transaction if the value is
// empty.
// REQUIRES: a transaction.
TimestampTz EvaluationTime();

// SetEvaluationTime sets the setting until the current subtransaction ends. ERROR 22008 if `at` is
// infinite.
void SetEvaluationTime(TimestampTz at);

}  // namespace pganalytics::pg
