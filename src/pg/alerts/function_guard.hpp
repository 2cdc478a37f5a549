// Function guard: which functions the query of a rule may call.
#pragma once

#include "pg/base/prelude.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pganalytics::pg {

// A rule's query is rolled back, but some functions do what no rollback undoes:
// pg_logical_emit_message() writes WAL, pg_advisory_lock() locks, dblink_exec() writes elsewhere.
// PostgreSQL's privileges cannot keep them from one role, because PUBLIC may execute them. So the
// guard refuses a function if it is VOLATILE and its code is not that of a trusted language, unless
//   * it is on the guard's list of built-in functions that only read, or
//   * EXECUTE on it was granted to pganalytics_rules by name.
// A function of a trusted language, such as PL/pgSQL, can do nothing but call other functions and
// run statements, and these are judged when it does.

// CheckRuleFunctions raises ERROR 42501 if an analyzed query calls a function that the guard
// refuses. It does not see what functions and views call by themselves.
void CheckRuleFunctions(Query* query);

// Between GuardFunctions(true) and GuardFunctions(false) this process raises ERROR 42501 before it
// executes a function that the guard refuses, whoever calls it.
void GuardFunctions(bool guard);

}  // namespace pganalytics::pg
