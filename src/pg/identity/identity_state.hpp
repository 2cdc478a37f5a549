// Identity state: one number in shared memory that says when keys, certificates, tokens or
// collectors have changed, so that every worker learns of a COMMIT at once.
#pragma once

#include "pg/base/shmem.hpp"

namespace pganalytics::pg {

// IdentityVersion grows with every commit that changed a table of identities. A worker that has
// seen version n has nothing new to read until it is greater. REQUIRES: SharedMemoryReady().
uint64 IdentityVersion();

// BumpIdentity makes the version grow and wakes every worker of pganalytics. Async-signal-unsafe;
// raises no ERROR, so that it may be called while a transaction commits. Without shared memory it
// does nothing: nobody listens.
void BumpIdentity();

// PkiVersion is 0 until the maintenance worker has made, or found, the files that gateways start
// with; no gateway is started before. It grows with every change of these files: gateways read them
// only when they start, so others are started then. PublishPki makes it grow and wakes all workers,
// unless `fingerprint`, of what is in the files, is the one that was published last.
uint64 PkiVersion();
void PublishPki(uint64 fingerprint);

// PkiFingerprint is what was published last.
uint64 PkiFingerprint();

// PkiServed: no gateway accepts connections any more with files that are older than PkiVersion().
bool PkiServed();

// ShowPki puts down of which files the gateways of a worker are, 0: it has none that accepts. Wakes
// the maintenance worker, which waits for the last of them, when that has changed.
void ShowPki(WorkerStatus* status, uint64 version);

}  // namespace pganalytics::pg
