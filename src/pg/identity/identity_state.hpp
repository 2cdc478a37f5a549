// Identity state: version numbers in shared memory. They increase when a COMMIT has changed keys,
// certificates, tokens or collectors, so that every worker notices it at once.
#pragma once

#include "pg/base/shmem.hpp"

namespace pganalytics::pg {

// IdentityVersion increases with every commit that has changed an identity table. A worker that has
// read the tables at version n reads them again only when IdentityVersion() is greater than n.
// REQUIRES: SharedMemoryReady().
uint64 IdentityVersion();

// BumpIdentity increments the version and wakes every worker of pganalytics. It is not
// async-signal-safe. It raises no ERROR, so it may be called while a transaction commits. Without
// shared memory there are no workers, and it does nothing.
void BumpIdentity();

// PkiVersion is the version of the certificate files that gateways read at their start. It is 0
// until the maintenance worker has made or found these files; no gateway starts before that. If the
// files change, the version increases, and the workers start new gateways.
// PublishPki increments the version and wakes all workers. `fingerprint` is a hash of the files. If
// it is the one that was published last, PublishPki does nothing.
uint64 PkiVersion();
void PublishPki(uint64 fingerprint);

// PkiFingerprint returns the fingerprint that PublishPki published last.
uint64 PkiFingerprint();

// PkiServed: no gateway that accepts connections uses files older than PkiVersion().
bool PkiServed();

// IssuingFails: when the maintenance worker last tried to issue certificates, it could not; its row
// says why. ShowIssuing sets this.
bool IssuingFails();
void ShowIssuing(bool works);

// ShowPki sets pki_version in a worker's row: the version of the oldest certificate files that its
// gateways use, or 0 if none of its gateways accepts connections. If the version changes, ShowPki
// wakes all workers, because the maintenance worker waits until every gateway uses the new files.
void ShowPki(WorkerStatus* status, uint64 version);

}  // namespace pganalytics::pg
