// Authority: the certificate work of the maintenance worker. It issues certificates on request, and
// renews files and keys that are due.
#pragma once

#include "pg/base/prelude.hpp"
#include "pg/base/shmem.hpp"

namespace pganalytics::bgworker {

// TendAuthority does the work that is due for the certificate authority:
//   - make and renew files
//   - issue certificates for waiting requests
//   - run the operations that administrators asked for
//   - write revocation lists
//   - make keys for tokens
// The worker calls it in every loop iteration. If a step fails, the worker's row shows that,
// TendAuthority logs it once and retries with a back-off. If `at_once` is true, it checks the files
// now, without a back-off. The worker sets `at_once` after a change of settings or of the clock.
// TendAuthority allocates in `context` and resets it.
// REQUIRES: no transaction is open.
void TendAuthority(pg::WorkerStatus* status, MemoryContext context, bool at_once);

}  // namespace pganalytics::bgworker
