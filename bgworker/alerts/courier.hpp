// Courier: the worker's side of deliveries. It takes due deliveries from the outbox, sends them to
// pganalytics-courier, and stores their results.
#pragma once

#include "pg/base/prelude.hpp"
#include "pg/base/shmem.hpp"

namespace pganalytics::bgworker {

// TendCourier takes due deliveries, at most as many as a courier may have at a time, sends them,
// and stores the results of those that ended, each in its own transaction. It starts a courier when
// there is something to send; the courier then stays. If a courier dies or breaks the protocol, the
// next one starts after 100 ms to a minute; the deliveries in progress are sent again. Called every
// turn. REQUIRES: no transaction is open.
void TendCourier(pg::WorkerStatus* status);

// ReloadCourier replaces the courier by one with the current settings as soon as it has no delivery
// in progress. Until then it gets no new ones.
void ReloadCourier();

// WaitForCourier waits for the latch or the courier's socket, at most `timeout_ms`; ends the
// process if the postmaster has died.
void WaitForCourier(long timeout_ms);

}  // namespace pganalytics::bgworker
