// Identity state: numbers in shared memory that change when keys, certificates, tokens or
// collectors change, so that every worker notices a COMMIT at once.
#pragma once

#include "pg/base/shmem.hpp"

namespace pganalytics::pg {

// IdentityVersion increases with every commit that changed an identity table. A worker that has
// read version n need not read again until it is greater. REQUIRES: SharedMemoryReady().
uint64 IdentityVersion();

// BumpIdentity increments the version and wakes every worker of pganalytics. Not async-signal-safe.
// Raises no ERROR, so it may be called while a transaction commits. Does nothing without shared
// memory: there are no workers then.
void BumpIdentity();

// PkiVersion is 0 until the maintenance worker has made, or found, the files that gateways need; no
// gateway starts before that. It increases whenever these files change. Gateways read them only
// when they start, so new gateways are started then. PublishPki increments it and wakes all
// workers, unless `fingerprint`, a hash of the files, equals the one that was published last.
uint64 PkiVersion();
void PublishPki(uint64 fingerprint);

// PkiFingerprint is the fingerprint that was published last.
uint64 PkiFingerprint();

// PkiServed is true when no gateway accepts connections with files older than PkiVersion().
bool PkiServed();

// ShowPki sets the version of the files that a worker's gateways use; 0: none of its gateways
// accepts connections. On a change it wakes the maintenance worker, which waits until the last
// gateway uses the new files.
void ShowPki(WorkerStatus* status, uint64 version);

}  // namespace pganalytics::pg
