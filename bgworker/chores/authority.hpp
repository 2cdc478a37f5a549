// Authority: the certificate work of the maintenance worker. It issues certificates on request, and
// renews files and keys that are due.
#pragma once

#include "pg/base/prelude.hpp"
#include "pg/base/shmem.hpp"

namespace pganalytics::bgworker {

// TendAuthority does the work that is due for the certificate authority: it makes and renews files,
// issues certificates for waiting requests, runs the operations that administrators asked for,
// writes revocation lists, and makes keys for tokens. It logs a failure once, shows it in the
// worker's row, and retries with a back-off. The worker calls it in every loop iteration, and sets
// `at_once` after a change of settings or of the clock. It allocates in `context` and resets it.
// REQUIRES: no transaction is open.
void TendAuthority(pg::WorkerStatus* status, MemoryContext context, bool at_once);

}  // namespace pganalytics::bgworker
