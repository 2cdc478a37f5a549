// Deliveries: the statements by which the alerts worker takes deliveries from the outbox and stores
// their results there.
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/courier_messages.hpp"

namespace pganalytics::pg {

// DeliveryAttempt is a delivery in progress: it was taken from the outbox, and its result is not
// stored yet. All its data is in a memory context of its own.
struct DeliveryAttempt {
    MemoryContext context;  // nullptr: the slot is free
    uint32_t request_id;
    protocol::Delivery delivery;
    const char* key;  // "channel/group": the column `delivery` of take_deliveries()
    const char* channel;
    const char* group_key;
    Datum notification_ids;  // bigint[]
    bool ended;              // `result` is set and must be stored
    protocol::Delivered result;
};

inline constexpr int kMaxConcurrentAttempts = static_cast<int>(protocol::kMaxDeliveriesInFlight);

// DeliveryAttempts holds all deliveries in progress. A zeroed DeliveryAttempts holds none.
struct DeliveryAttempts {
    DeliveryAttempt list[kMaxConcurrentAttempts];
    uint32_t last_id;
};

// CountAttempts returns the number of slots in use.
int CountAttempts(const DeliveryAttempts& attempts);

// TakeDeliveries takes due deliveries from the outbox into free slots, until `most` slots are in
// use. It gives each new delivery a request_id, but does not send it. Returns nullptr if it
// succeeds. If it fails, it takes none and returns the error. REQUIRES: no transaction is open.
ErrorData* TakeDeliveries(DeliveryAttempts* attempts, int most);

// SettleDelivery stores the result of a delivery in the outbox and frees the slot. Returns nullptr
// if it succeeds. If it fails, it returns the error, and the delivery keeps its slot.
// REQUIRES: attempt->ended; no transaction is open.
ErrorData* SettleDelivery(DeliveryAttempt* attempt);

// FinishAttempt copies the result of a delivery into its slot and sets `ended`. ReleaseAttempt
// frees the slot and changes nothing in the outbox.
void FinishAttempt(DeliveryAttempt* attempt, const protocol::Delivered& result);
void ReleaseAttempt(DeliveryAttempt* attempt);

}  // namespace pganalytics::pg
