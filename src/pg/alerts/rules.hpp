// Rules: runs the query of an alert rule so that it can read and do nothing else.
#pragma once

#include "pg/base/prelude.hpp"

extern "C" {
#include "utils/jsonb.h"
}

namespace pganalytics::pg {

// A rule that returns more label sets than this is faulty.
inline constexpr int kMaxLabelSets = 1000;
// Longer texts are cut and marked.
inline constexpr int kMaxLabelBytes = 1024;

// Finding is a row of a rule's query: labels as an object of texts, and the value.
struct Finding {
    Jsonb* labels;
    double value;
    bool is_null;
};

struct Findings {
    Finding* list;  // in the order of their labels
    int count;
};

// RunRule runs the query as of `at`, as the role pganalytics_rules, in a subtransaction that is
// read-only and always rolled back. Settings, notifications and the like that the query makes are
// undone with it. The findings are in `context`.
// ERROR 22023 if the query is not one SELECT whose columns are "value" and valid label names, 21000
// if two rows have the same labels, 54000 if there are too many; else as the query raises it.
// REQUIRES: a transaction with a snapshot, not in parallel mode.
Findings RunRule(const char* query, TimestampTz at, MemoryContext context);

// CheckRuleQuery raises ERROR 22023, or the error of the parser, unless the text is a valid query
// for a rule. It runs nothing. REQUIRES: a transaction.
void CheckRuleQuery(const char* query);

}  // namespace pganalytics::pg
