// Courier: the worker's side of deliveries. What is due is taken from the outbox, given to
// pganalytics-courier, and settled when it says what came of it.
#pragma once

#include "pg/base/prelude.hpp"
#include "pg/base/shmem.hpp"

namespace pganalytics::bgworker {

// TendCourier takes what is due, as much as a courier may have at a time, sends it, and settles
// what has ended, each in a transaction of its own. A courier is started when there is something to
// send, and stays. One that dies or breaks the protocol is followed by another after 100 ms to a
// minute; what it had on its way is sent again. Called every turn. REQUIRES: no transaction is
// open.
void TendCourier(pg::WorkerStatus* status);

// ReloadCourier has the courier followed by another, with the settings now in force, as soon as it
// has nothing on its way; until then it is given nothing more.
void ReloadCourier();

// WaitForCourier waits for the latch or the courier's socket, at most `timeout_ms`; ends the
// process if the postmaster has died.
void WaitForCourier(long timeout_ms);

}  // namespace pganalytics::bgworker
