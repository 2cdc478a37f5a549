// Rules: running the query of a rule of alerts, so that it can read and do nothing else.
#pragma once

#include "pg/base/prelude.hpp"

extern "C" {
#include "utils/jsonb.h"
}

namespace pganalytics::pg {

// More label sets than this are a rule gone wrong.
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
// read-only and always rolled back: settings, notifications and the like that it makes are gone
// with it. The findings are in `context`.
// ERROR 22023 if the query is not one SELECT with a column "value" and names of labels, 21000 if
// two rows have the same labels, 54000 if there are too many; else as the query raises it.
// REQUIRES: a transaction with a snapshot, not in parallel mode.
Findings RunRule(const char* query, TimestampTz at, MemoryContext context);

// CheckRuleQuery raises ERROR 22023, or what the parser does, unless it could be a rule's query.
// Nothing is run. REQUIRES: a transaction.
void CheckRuleQuery(const char* query);

}  // namespace pganalytics::pg
