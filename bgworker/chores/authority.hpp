// Authority: the certificate work of the maintenance worker: it serves requests and renews what is
// due.
#pragma once

#include "pg/base/prelude.hpp"
#include "pg/base/shmem.hpp"

namespace pganalytics::bgworker {

// TendAuthority does the work that is due for the certificate authority: it makes and renews files,
// issues certificates for waiting requests, runs the operations that administrators asked for,
// writes revocation lists, and makes keys for tokens. A failure is logged once, is shown in the
// worker's row, and is retried with a back-off. Called every turn, with `at_once` after a change of
// settings or of the clock. It allocates in `context` and resets it. REQUIRES: no transaction is
// open.
void TendAuthority(pg::WorkerStatus* status, MemoryContext context, bool at_once);

}  // namespace pganalytics::bgworker
