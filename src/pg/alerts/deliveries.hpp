// Deliveries: the statements by which the supervisor of the courier reads the outbox and records
// results in it.
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/courier_messages.hpp"

namespace pganalytics::pg {

// Flight is a delivery in progress: taken from the outbox, its result not yet stored. All its data
// is in its own context.
struct Flight {
    MemoryContext context;  // nullptr: the slot is free
    uint32_t request_id;
    protocol::Delivery delivery;
    const char* key;  // of the group, as take_deliveries() names it
    const char* channel;
    const char* group_key;
    Datum notification_ids;  // bigint[]
    bool ended;              // `result` is set and must be stored
    protocol::Delivered result;
};

inline constexpr int kMaxFlights = static_cast<int>(protocol::kMaxDeliveriesInFlight);

// Flights holds all deliveries in progress. Zeroed: none.
struct Flights {
    Flight list[kMaxFlights];
    uint32_t last_id;
};

// CountFlights counts the slots in use.
int CountFlights(const Flights& flights);

// TakeFlights takes due deliveries from the outbox into free slots, so that at most `most` are in
// use. Each new one has a request_id and is not sent yet. Returns the error if it failed; then
// there are no new ones. REQUIRES: no transaction is open.
ErrorData* TakeFlights(Flights* flights, int most);

// SettleFlight stores the result of a delivery in the outbox and frees its slot. If it fails, it
// returns the error and keeps the delivery. REQUIRES: flight->ended; no transaction is open.
ErrorData* SettleFlight(Flight* flight);

// EndFlight keeps the result of a delivery in memory. LandFlight frees the slot; the notifications
// are still in the outbox.
void EndFlight(Flight* flight, const protocol::Delivered& result);
void LandFlight(Flight* flight);

}  // namespace pganalytics::pg
