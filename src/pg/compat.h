// Compat: the one place for differences between PostgreSQL's major versions.
#pragma once

#include "pg/prelude.hpp"

extern "C" {
#include "executor/executor.h"
}

namespace pganalytics::pg {

// InsertIndexTuples hides the argument that PostgreSQL 16 added (onlySummarizing, 19d8e2308bc).
inline void InsertIndexTuples(ResultRelInfo* relinfo, TupleTableSlot* slot, EState* estate) {
#if PG_VERSION_NUM >= 160000
    list_free(ExecInsertIndexTuples(relinfo, slot, estate, false, false, nullptr, NIL, false));
#else
    list_free(ExecInsertIndexTuples(relinfo, slot, estate, false, false, nullptr, NIL));
#endif
}

}  // namespace pganalytics::pg
