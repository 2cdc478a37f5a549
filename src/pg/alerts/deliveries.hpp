// Deliveries: the statements by which the courier's supervisor reads the outbox and settles.
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/courier_messages.hpp"

namespace pganalytics::pg {

// Flight is a delivery between its taking and its settling; all it has is in its own context.
struct Flight {
    MemoryContext context;  // nullptr: the place is free
    uint32_t request_id;
    protocol::Delivery delivery;
    const char* key;  // of the group, as take_deliveries() names it
    const char* channel;
    const char* group_key;
    Datum notification_ids;  // bigint[]
    bool ended;              // what came of it is in `result`, and is to be settled
    protocol::Delivered result;
};

inline constexpr int kMaxFlights = static_cast<int>(protocol::kMaxDeliveriesInFlight);

// Flights are all that are there. Zeroed: none.
struct Flights {
    Flight list[kMaxFlights];
    uint32_t last_id;
};

// CountFlights counts the places in use.
int CountFlights(const Flights& flights);

// TakeFlights takes what is due into free places, so that no more than `most` are in use; the new
// ones have a request_id and are not sent yet. Gives the error if it failed, and no new ones then.
// REQUIRES: no transaction is open.
ErrorData* TakeFlights(Flights* flights, int most);

// SettleFlight writes down what came of a flight and frees its place; if it fails, gives the error
// and keeps the flight. REQUIRES: flight->ended; no transaction is open.
ErrorData* SettleFlight(Flight* flight);

// EndFlight notes what came of a flight. LandFlight frees its place; the outbox still has it.
void EndFlight(Flight* flight, const protocol::Delivered& result);
void LandFlight(Flight* flight);

}  // namespace pganalytics::pg
