// Rules: parses the query, checks its columns, and runs it with the privileges of a role that has
// no members. The author of a rule cannot choose the role that runs it.
#include "pg/alerts/rules.hpp"

#include "pg/alerts/function_guard.hpp"
#include "pg/base/compat.h"
#include "pg/base/evaluation_time.hpp"
#include "pg/base/session.hpp"

extern "C" {
#include "access/parallel.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/array.h"
#include "utils/plancache.h"
#include "utils/resowner.h"
}

namespace pganalytics::pg {
namespace {

constexpr char kValueColumn[] = "value";

// IsLabelName: Prometheus and Alertmanager accept `name` as the name of a label.
bool IsLabelName(const char* name) {
    constexpr char kFirst[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    constexpr char kRest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return *name != '\0' && strchr(kFirst, *name) != nullptr && strspn(name, kRest) == strlen(name);
}

bool IsNumber(Oid type) {
    switch (getBaseType(type)) {
        case INT2OID:
        case INT4OID:
        case INT8OID:
        case FLOAT4OID:
        case FLOAT8OID:
        case NUMERICOID:
            return true;
        default:
            return false;
    }
}

[[noreturn]] void RefuseColumn(const char* name, const char* why) {
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("column \"%s\" of the rule's query %s", name, why),
            errhint("Every column but \"value\" is a label; a label's name matches "
                    "[a-zA-Z_][a-zA-Z0-9_]*."));
    pg_unreachable();
}

// CheckColumns returns the number of the column "value", counted from 1. It raises ERROR 22023 if a
// rule's query may not have these columns.
int CheckColumns(TupleDesc descriptor) {
    int value_column = 0;
    if (descriptor->natts > kMaxLabels + 1) {
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                errmsg("the rule's query has more than %d labels", kMaxLabels));
    }
    for (int i = 0; i < descriptor->natts; ++i) {
        const char* const name = NameStr(TupleDescAttr(descriptor, i)->attname);
        for (int j = 0; j < i; ++j) {
            if (strcmp(name, NameStr(TupleDescAttr(descriptor, j)->attname)) == 0) {
                RefuseColumn(name, "is there twice");
            }
        }
        if (strcmp(name, kValueColumn) == 0) {
            value_column = i + 1;
            if (!IsNumber(TupleDescAttr(descriptor, i)->atttypid)) {
                RefuseColumn(name,
                             psprintf("is of type %s, which is no number",
                                      format_type_be(TupleDescAttr(descriptor, i)->atttypid)));
            }
        } else if (strcmp(name, "alertname") == 0 || strcmp(name, "severity") == 0) {
            RefuseColumn(name, "has the name of a label that the rule itself gives");
        } else if (!IsLabelName(name)) {
            RefuseColumn(name, "has a name that is no label's");
        }
    }
    if (value_column == 0) {
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                errmsg("the rule's query has no column \"value\""),
                errhint("Name the number that is compared with the threshold: SELECT ... AS "
                        "value."));
    }
    return value_column;
}

// PrepareRule parses the query and sets *value_column to the result of CheckColumns. It raises
// ERROR 22023 if the query is not a single SELECT that only reads, and 42501 if it calls a function
// that the guard refuses. REQUIRES: SPI connected.
SPIPlanPtr PrepareRule(const char* query, int* value_column) {
    SPIPlanPtr const plan = SPI_prepare(query, 0, nullptr);
    if (plan == nullptr) {
        elog(ERROR, "could not prepare a rule: %s", SPI_result_code_string(SPI_result));
    }
    List* const sources = SPI_plan_get_plan_sources(plan);
    bool reads = list_length(sources) == 1;
    const CachedPlanSource* source = nullptr;
    Query* parsed = nullptr;
    if (reads) {
        source = static_cast<const CachedPlanSource*>(linitial(sources));
        reads = list_length(source->query_list) == 1 && source->resultDesc != nullptr;
    }
    if (reads) {
        parsed = linitial_node(Query, source->query_list);
        reads = parsed->commandType == CMD_SELECT && parsed->utilityStmt == nullptr &&
                !parsed->hasModifyingCTE && parsed->rowMarks == NIL;
    }
    if (!reads) {
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                errmsg("a rule's query is one SELECT, which writes and locks nothing"));
    }
    *value_column = CheckColumns(source->resultDesc);
    CheckRuleFunctions(parsed);
    return plan;
}

// CutLabel cuts a text to kMaxLabelBytes and marks the cut. The mark has a hash of the whole text,
// so that texts that differ only after the cut stay different.
const char* CutLabel(char* text) {
    const auto length = static_cast<int>(strlen(text));
    if (length <= kMaxLabelBytes) return text;
    char mark[16];
    const uint32 hash =
        hash_bytes(reinterpret_cast<const unsigned char*>(text), static_cast<int>(length));
    const int mark_bytes = pg_snprintf(mark, sizeof(mark), "...#%08x", hash);
    const int kept = pg_mbcliplen(text, length, kMaxLabelBytes - mark_bytes);
    text[kept] = '\0';
    return psprintf("%s%s", text, mark);
}

void PushText(JsonbParseState** state, JsonbIteratorToken token, const char* text) {
    JsonbValue value;
    value.type = jbvString;
    value.val.string.val = const_cast<char*>(text);
    value.val.string.len = static_cast<int>(strlen(text));
    (void)pushJsonbValue(state, token, &value);
}

Jsonb* LabelsOf(HeapTuple tuple, TupleDesc descriptor, int value_column) {
    JsonbParseState* state = nullptr;
    (void)pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
    for (int column = 1; column <= descriptor->natts; ++column) {
        if (column == value_column) continue;
        char* const text = SPI_getvalue(tuple, descriptor, column);
        // Receivers of alerts treat an empty label as absent.
        if (text == nullptr || *text == '\0') continue;
        PushText(&state, WJB_KEY, NameStr(TupleDescAttr(descriptor, column - 1)->attname));
        PushText(&state, WJB_VALUE, CutLabel(text));
    }
    return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr));
}

double NumberOf(Datum value, Oid type) {
    switch (getBaseType(type)) {
        case INT2OID:
            return DatumGetInt16(value);
        case INT4OID:
            return DatumGetInt32(value);
        case INT8OID:
            return static_cast<double>(DatumGetInt64(value));
        case FLOAT4OID:
            return static_cast<double>(DatumGetFloat4(value));
        case FLOAT8OID:
            return DatumGetFloat8(value);
        default:
            return DatumGetFloat8(DirectFunctionCall1(numeric_float8, value));
    }
}

int CompareFindings(const void* a, const void* b) noexcept {
    return compareJsonbContainers(&static_cast<const Finding*>(a)->labels->root,
                                  &static_cast<const Finding*>(b)->labels->root);
}

void RefuseDuplicates(const Findings& findings) {
    for (int i = 1; i < findings.count; ++i) {
        if (CompareFindings(&findings.list[i - 1], &findings.list[i]) != 0) continue;
        char* const labels =
            JsonbToCString(nullptr, &findings.list[i].labels->root, 64 /* estimated length */);
        ereport(ERROR, errcode(ERRCODE_CARDINALITY_VIOLATION),
                errmsg("two rows of the rule's query have the same labels"),
                errdetail("Labels: %s", labels));
    }
}

// Restrict makes the subtransaction read-only, switches to the role of rules, and fixes the
// settings that could change the result, so that the result does not depend on the caller.
void Restrict(TimestampTz at) {
    const Oid role = get_role_oid(kRulesRole, false);
    Oid user = InvalidOid;
    int security = 0;
    GetUserIdAndSecContext(&user, &security);
    SetUserIdAndSecContext(role, security | SECURITY_RESTRICTED_OPERATION);
    XactReadOnly = true;
    constexpr const char* kSettings[][2] = {{"search_path", "pg_catalog, pg_temp"},
                                            {"timezone", "UTC"},
                                            {"datestyle", "ISO, YMD"},
                                            {"intervalstyle", "postgres"},
                                            {"extra_float_digits", "1"},
                                            {"bytea_output", "hex"},
                                            {"jit", "off"},
                                            {"max_parallel_workers_per_gather", "0"},
                                            {"row_security", "on"}};
    for (const auto& setting : kSettings) {
        (void)set_config_option(setting[0], setting[1], PGC_USERSET, PGC_S_SESSION,
                                GUC_ACTION_LOCAL, true, 0, false);
    }
    PlanForReports();
    SetEvaluationTime(at);
}

Findings Read(const char* query, MemoryContext context) {
    int value_column = 0;
    SPIPlanPtr const plan = PrepareRule(query, &value_column);
    const int code = SPI_execute_plan(plan, nullptr, nullptr, true, kMaxRows + 1);
    if (code != SPI_OK_SELECT) {
        elog(ERROR, "could not run a rule: %s", SPI_result_code_string(code));
    }
    if (SPI_processed > kMaxRows) {
        ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                errmsg("the rule's query gives more than %d rows", kMaxRows),
                errhint("Let it count, or add a condition: each row is an alert."));
    }
    const auto count = static_cast<int>(SPI_processed);
    TupleDesc const descriptor = SPI_tuptable->tupdesc;
    const Oid type = TupleDescAttr(descriptor, value_column - 1)->atttypid;
    Findings findings = {};
    findings.count = count;
    findings.list = static_cast<Finding*>(
        MemoryContextAllocZero(context, sizeof(Finding) * static_cast<size_t>(Max(count, 1))));
    for (int row = 0; row < count; ++row) {
        Finding* const finding = &findings.list[row];
        HeapTuple const tuple = SPI_tuptable->vals[row];
        const Datum value = SPI_getbinval(tuple, descriptor, value_column, &finding->is_null);
        if (!finding->is_null) finding->value = NumberOf(value, type);
        Jsonb* const labels = LabelsOf(tuple, descriptor, value_column);
        finding->labels = static_cast<Jsonb*>(MemoryContextAlloc(context, VARSIZE(labels)));
        memcpy(finding->labels, labels, VARSIZE(labels));
    }
    qsort(findings.list, static_cast<size_t>(count), sizeof(Finding), CompareFindings);
    RefuseDuplicates(findings);
    return findings;
}

}  // namespace

Findings RunRule(const char* query, TimestampTz at, MemoryContext context) {
    MemoryContext const caller = CurrentMemoryContext;
    ResourceOwner const owner = CurrentResourceOwner;
    Findings findings = {};
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(caller);
    ErrorData* const error = Try([&] {
        Restrict(at);
        GuardFunctions(true);
        if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "could not connect to SPI");
        findings = Read(query, context);
        SPI_finish();
    });
    GuardFunctions(false);
    // The rollback restores the role and the settings and releases what SPI holds.
    RollbackAndReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(caller);
    CurrentResourceOwner = owner;
    if (error != nullptr) ReThrowError(error);
    return findings;
}

void CheckRuleQuery(const char* query) {
    if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "could not connect to SPI");
    int value_column = 0;
    (void)PrepareRule(query, &value_column);
    SPI_finish();
}

}  // namespace pganalytics::pg
