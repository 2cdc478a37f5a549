#include "pg/alerts/deliveries.hpp"

#include "pg/base/session.hpp"
#include "pg/base/statement.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
}

namespace pganalytics::pg {
namespace {

using protocol::Authentication;
using protocol::DeliveryKind;
using protocol::DeliveryOutcome;

// The last column becomes the key of the protocol::Delivery. It contains the numbers of the
// notifications, so that a reminder after some hours does not look like a copy of the first
// notification.
Statement take = {
    "SELECT delivery, channel, group_key, kind, url, pg_catalog.array_to_string(mail_to, E'\\n'), "
    "authentication, secret, subject, content_type, body, notification_ids, "
    "pg_catalog.concat(delivery, ' ', notification_ids::pg_catalog.text) "
    "FROM pganalytics.take_deliveries($1, $2)",
    2,
    {TIMESTAMPTZOID, TEXTARRAYOID},
    nullptr};
Statement settle = {
    "SELECT pganalytics.settle_delivery($1, $2, $3, $4, $5, $6, "
    "pg_catalog.make_interval(secs => $7), $8)",
    8,
    {TEXTOID, TEXTOID, INT8ARRAYOID, TEXTOID, INT4OID, TEXTOID, FLOAT8OID, TIMESTAMPTZOID},
    nullptr};

Flight* FreePlace(Flights* flights) {
    for (Flight& flight : flights->list) {
        if (flight.context == nullptr) return &flight;
    }
    return nullptr;
}

Authentication AuthenticationOf(std::string_view name) {
    if (name == "hmac") return Authentication::kHmac;
    return name == "bearer" ? Authentication::kBearer : Authentication::kNone;
}

// ReadRow copies a row of `take` into a slot. It raises ERROR 53200 if there is no memory.
void ReadRow(uint64 row, Flight* flight) {
    auto copy = [row, flight](int column) {
        return CopyBytes(BytesOf(row, column), flight->context);
    };
    flight->key = copy(1).data();
    flight->channel = copy(2).data();
    flight->group_key = copy(3).data();
    protocol::Delivery* const delivery = &flight->delivery;
    delivery->kind = BytesOf(row, 4) == "email" ? DeliveryKind::kMail : DeliveryKind::kHttp;
    delivery->url = copy(5);
    delivery->recipients = copy(6);
    delivery->authentication = AuthenticationOf(BytesOf(row, 7));
    delivery->secret = copy(8);
    delivery->subject = copy(9);
    delivery->content_type = copy(10);
    delivery->body = copy(11);
    delivery->key = copy(13);
    bool is_null = false;
    const Datum ids = CellOf(row, 12, &is_null);
    MemoryContext const caller = MemoryContextSwitchTo(flight->context);
    flight->notification_ids = is_null ? PointerGetDatum(construct_empty_array(INT8OID))
                                       : PointerGetDatum(DatumGetArrayTypePCopy(ids));
    MemoryContextSwitchTo(caller);
}

// Busy returns the keys of all deliveries in progress, as text[].
Datum Busy(const Flights& flights) {
    Datum keys[kMaxFlights];
    int count = 0;
    for (const Flight& flight : flights.list) {
        if (flight.context != nullptr) keys[count++] = CStringGetTextDatum(flight.key);
    }
    return MakeArray(keys, nullptr, count, TEXTOID);
}

const char* NameOf(DeliveryOutcome outcome) {
    if (outcome == DeliveryOutcome::kSent) return "sent";
    return outcome == DeliveryOutcome::kDead ? "dead" : "again";
}

}  // namespace

int CountFlights(const Flights& flights) {
    int count = 0;
    for (const Flight& flight : flights.list) count += flight.context != nullptr ? 1 : 0;
    return count;
}

ErrorData* TakeFlights(Flights* flights, int most) {
    const uint32_t before = flights->last_id;
    ErrorData* const error = Transact([flights, most] {
        Datum values[] = {TimestampTzGetDatum(GetCurrentTimestamp()), Busy(*flights)};
        Execute(&take, values);
        int count = CountFlights(*flights);
        for (uint64 row = 0; row < SPI_processed && count < most; ++row, ++count) {
            Flight* const flight = FreePlace(flights);
            MemoryContext const context = AllocSetContextCreate(
                TopMemoryContext, "pganalytics delivery", ALLOCSET_DEFAULT_SIZES);
            *flight = {};
            flight->context = context;
            flight->request_id = ++flights->last_id;
            ReadRow(row, flight);
        }
    });
    if (error == nullptr) return nullptr;
    for (Flight& flight : flights->list) {
        // Free the slots that this call has taken: their request_id is newer than `before`. The
        // unsigned difference is right even after the counter has wrapped.
        if (flight.context != nullptr && flight.request_id - before - 1 < uint32_t{kMaxFlights}) {
            LandFlight(&flight);
        }
    }
    return error;
}

ErrorData* SettleFlight(Flight* flight) {
    ErrorData* const error = Transact([flight] {
        const protocol::Delivered& result = flight->result;
        Datum values[] = {CStringGetTextDatum(flight->channel),
                          CStringGetTextDatum(flight->group_key),
                          flight->notification_ids,
                          CStringGetTextDatum(NameOf(result.outcome)),
                          Int32GetDatum(static_cast<int32>(result.status)),
                          TextDatum(result.message),
                          Float8GetDatum(result.retry_after_s),
                          TimestampTzGetDatum(GetCurrentTimestamp())};
        bool nulls[lengthof(values)] = {};
        nulls[4] = result.status == 0;
        nulls[5] = result.message.empty();
        nulls[6] = result.retry_after_s == 0;
        Execute(&settle, values, nulls);
    });
    if (error == nullptr) LandFlight(flight);
    return error;
}

void EndFlight(Flight* flight, const protocol::Delivered& result) {
    flight->ended = true;
    flight->result = result;
    flight->result.message = CopyBytes(result.message, flight->context);
}

void LandFlight(Flight* flight) {
    MemoryContextDelete(flight->context);
    *flight = {};
}

}  // namespace pganalytics::pg
