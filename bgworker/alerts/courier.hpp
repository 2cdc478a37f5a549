// Courier: the worker's side of deliveries. It takes due deliveries from the outbox, sends them to
// pganalytics-courier, and stores their results.
#pragma once

#include "pg/base/prelude.hpp"
#include "pg/base/shmem.hpp"

namespace pganalytics::bgworker {

// TendCourier sends due deliveries to the courier and stores the results of those that have ended,
// each in a transaction of its own. The worker calls it in every loop iteration.
// The courier is a process of pganalytics-courier, with at most kMaxConcurrentAttempts deliveries
// in progress. TendCourier starts one when there is something to send; the courier then keeps
// running. If a courier dies or breaks the protocol, the next one starts after 100 ms to a minute.
// If one delivery was in progress, that delivery counts as failed, because it may have killed the
// courier. If several were in progress, all are sent again, one by one.
// REQUIRES: no transaction is open.
void TendCourier(pg::WorkerStatus* status);

// ReloadCourier makes TendCourier replace the courier by one with the current settings as soon as
// it has no delivery in progress. Until then the courier gets no new deliveries.
void ReloadCourier();

// WaitForCourier waits for the latch or the courier's socket, at most `timeout_ms`. It ends the
// process if the postmaster has died.
void WaitForCourier(long timeout_ms);

}  // namespace pganalytics::bgworker
