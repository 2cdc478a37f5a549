// Evaluation time: the time as of which alert rules read the tables.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

inline constexpr char kEvaluationTimeSetting[] = "pganalytics.evaluation_time";

// The check and assign hooks of that setting. Its value is a time as timestamptz accepts it, or
// empty.
bool CheckEvaluationTime(char** value, void** extra, GucSource source) noexcept;
void AssignEvaluationTime(const char* value, void* extra) noexcept;

// EvaluationTime returns the time that is set, else the start of the transaction.
// REQUIRES: a transaction.
TimestampTz EvaluationTime();

// SetEvaluationTime sets the time until the subtransaction ends.
void SetEvaluationTime(TimestampTz at);

}  // namespace pganalytics::pg
