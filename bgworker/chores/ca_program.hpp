// CA program: one request to pganalytics-ca, one reply from it.
#pragma once

#include "bgworker/process/channel.hpp"
#include "protocol/ca_messages.hpp"

namespace pganalytics::bgworker {

// CaExchange holds a request while it is written and the reply while it is read; all of it lives
// in the context that was current at BeginCaRequest.
struct CaExchange {
    Outbox request;  // the items; the head is written before them
    uint32_t items;
    protocol::CaReply reply;
    protocol::CaCertificate* certificates;
    protocol::CaList* lists;
    char error[256];  // why there is no reply, or what the reply says has failed
};

// AddCaItem appends an item of a request: a CaIssue or a CaRevoked.
template <typename Item>
void AddCaItem(CaExchange* exchange, const Item& item) {
    core::ByteSink<Outbox> sink(&exchange->request);
    protocol::Encode(item, &sink);
    ++exchange->items;
}

// AskCa starts the program with a request of the settings now in force and those of `head` that are
// not, waits for its reply, and reaps it. False, with exchange->error, if it could not be started,
// ended without a reply, took more than a minute, broke the protocol, or failed. Serves
// interrupts while it waits. REQUIRES: no transaction is open. The reply's texts stay until FreeCa.
bool AskCa(protocol::CaRequest head, CaExchange* exchange);
void FreeCa(CaExchange* exchange);

}  // namespace pganalytics::bgworker
