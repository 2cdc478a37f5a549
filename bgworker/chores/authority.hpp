// Authority: the maintenance worker's care for certificates: what is asked for, what is due.
#pragma once

#include "pg/base/prelude.hpp"
#include "pg/base/shmem.hpp"

namespace pganalytics::bgworker {

// TendAuthority does what is due for the certificate authority, and nothing if nothing is: makes
// and renews files, issues for the requests that wait, does what administrators have asked for,
// writes revocation lists, makes keys for tokens. What fails is logged once, stands in the worker's
// row, and is tried again with a back-off. Called every turn, with `at_once` after a change of
// settings or of the clock. Memory comes from `context`, which it resets. REQUIRES: no transaction
// is open.
void TendAuthority(pg::WorkerStatus* status, MemoryContext context, bool at_once);

}  // namespace pganalytics::bgworker
