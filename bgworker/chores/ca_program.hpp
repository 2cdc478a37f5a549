// CA program: sends one request to pganalytics-ca and reads its reply.
#pragma once

#include "bgworker/process/channel.hpp"
#include "protocol/ca_messages.hpp"

namespace pganalytics::bgworker {

// CaExchange holds a request and its reply. The arrays of the reply live in the memory context that
// was current at the call of AskCa. FreeCa frees everything else.
struct CaExchange {
    Outbox request;  // the items; AskCa writes the header before them
    uint32_t items;
    protocol::CaReply reply;
    protocol::CaCertificate* certificates;
    protocol::CaList* lists;
    bool crashed;     // the program sent no valid reply, and nobody else has ended it
    char error[256];  // why there is no reply, or what failed according to the reply
};

// AddCaItem appends an item of a request: a CaIssue or a CaRevoked.
template <typename Item>
void AddCaItem(CaExchange* exchange, const Item& item) {
    core::ByteSink<Outbox> sink(&exchange->request);
    protocol::Encode(item, &sink);
    ++exchange->items;
}

// AskCa starts pganalytics-ca, sends it the request, waits for the reply, and ends the process. It
// fills `head` with the current settings, and handles interrupts while it waits. It returns false
// and sets exchange->error in these cases:
//   - the program could not be started, or ended without a reply
//   - there was no reply within a minute
//   - the program broke the protocol or reported a failure
//   - the worker must stop
// The texts of the reply stay valid until FreeCa. REQUIRES: no transaction is open.
bool AskCa(protocol::CaRequest head, CaExchange* exchange);
void FreeCa(CaExchange* exchange);

// FingerprintOf returns a hash of the certificates of a reply that gateways read from our files.
uint64 FingerprintOf(const CaExchange& exchange);

// LogNotes logs what the program has done.
void LogNotes(const CaExchange& exchange);

}  // namespace pganalytics::bgworker
