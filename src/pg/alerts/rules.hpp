// Rules: runs the query of an alert rule in such a way that the query can only read.
#pragma once

#include "pg/base/prelude.hpp"

extern "C" {
#include "utils/jsonb.h"
}

namespace pganalytics::pg {

// A rule fails if its query returns more rows than this. select_findings() decides which of them
// become alerts.
inline constexpr int kMaxRows = 100000;
// A rule's query may have this many columns beside "value".
inline constexpr int kMaxLabels = 64;
// If the text of a label has more bytes than this, it is cut and marked.
inline constexpr int kMaxLabelBytes = 1024;

// Finding is a row of a rule's query: its labels as a JSON object of texts, and its value.
struct Finding {
    Jsonb* labels;
    double value;
    bool is_null;
};

struct Findings {
    Finding* list;  // in the order of their labels
    int count;
};

// RunRule runs a rule's query as of the time `at`, as the role pganalytics_rules. It runs it in a
// read-only subtransaction and always rolls this back, which also undoes the query's settings and
// notifications. The findings are allocated in `context`. It raises any ERROR of the query, and:
//   22023: the query is not one SELECT whose columns are "value" and valid label names
//   21000: two rows have the same labels
//   42501: the query calls a function that function_guard.hpp refuses
//   54000: the query returns more than kMaxRows rows
// REQUIRES: a transaction with a snapshot, not in parallel mode.
Findings RunRule(const char* query, TimestampTz at, MemoryContext context);

// CheckRuleQuery parses a text without running it. If the text is no valid query for a rule, it
// raises ERROR 22023, 42501 or the ERROR of the parser. REQUIRES: a transaction.
void CheckRuleQuery(const char* query);

}  // namespace pganalytics::pg
