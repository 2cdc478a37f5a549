// CA program: exchanges one request and its reply with a pganalytics-ca process.
#include "bgworker/chores/ca_program.hpp"

#include "bgworker/process/program.hpp"
#include "bgworker/process/worker.hpp"
#include "core/utf8.hpp"
#include "pg/base/guc.hpp"

extern "C" {
#include "common/hashfn.h"

#include <time.h>
}

namespace pganalytics::bgworker {
namespace {

// This is long because a passphrase command may have to ask another machine.
constexpr long kTimeoutMs = 60000;
constexpr uint32_t kRevocationListDays = 7;

pid_t running = 0;
Channel channel;

// AtExit ends the program before this process ends. PDEATHSIG would end it only a moment later.
void AtExit(int, Datum) {
    if (running != 0) KillProgram(running);
}

void FillSettings(protocol::CaRequest* head) {
    head->now = static_cast<int64_t>(time(nullptr));
    head->ca_lifetime_days = static_cast<uint32_t>(pg::settings.ca_lifetime_days);
    head->server_certificate_days = static_cast<uint32_t>(pg::settings.server_cert_days);
    head->list_days = kRevocationListDays;
    head->ca_name = pg::settings.ca_name;
    head->ca_file = pg::settings.ssl_ca_file;
    head->ca_key_file = pg::settings.ca_key_file;
    head->cert_file = pg::MakeCertificate() ? "" : pg::CertFile();
    head->server_names = pg::settings.server_names;
    head->crl_url = pg::settings.crl_url;
    head->passphrase_command = pg::settings.ca_passphrase_command;
}

void Fail(CaExchange* exchange, const char* format, const char* detail) {
    pg_snprintf(exchange->error, sizeof(exchange->error), format, detail);
}

// AreTexts: the texts of the reply can be logged and stored.
bool AreTexts(const protocol::CaReply& reply) {
    return core::IsPrintable(reply.message) && core::IsPrintable(reply.notes, core::Lines::kMany) &&
           core::IsPrintable(reply.authorities, core::Lines::kMany) &&
           core::IsPrintable(reply.pins);
}
bool AreTexts(const protocol::CaCertificate& one) {
    return core::IsPrintable(one.serial) && core::IsPrintable(one.issuer) &&
           core::IsPrintable(one.key_id) && core::IsPrintable(one.subject) &&
           core::IsPrintable(one.pem, core::Lines::kMany) && core::IsPrintable(one.message);
}

// TakeReply decodes the reply; its texts stay in the channel's buffer.
bool TakeReply(const Frame& frame, CaExchange* exchange) {
    core::ByteReader reader(frame.payload, frame.header.payload_bytes);
    protocol::CaReply* const reply = &exchange->reply;
    if (frame.header.type != protocol::FrameType::kCaReply || !protocol::Decode(&reader, reply) ||
        reply->certificates > protocol::kMaxCaItems || reply->lists > protocol::kMaxCaItems ||
        !AreTexts(*reply)) {
        return false;
    }
    exchange->certificates = static_cast<protocol::CaCertificate*>(
        palloc0(sizeof(protocol::CaCertificate) * Max(reply->certificates, 1u)));
    for (uint32_t i = 0; i < reply->certificates; ++i) {
        protocol::CaCertificate* const one = &exchange->certificates[i];
        if (!protocol::Decode(&reader, one) || !AreTexts(*one)) return false;
    }
    exchange->lists =
        static_cast<protocol::CaList*>(palloc0(sizeof(protocol::CaList) * Max(reply->lists, 1u)));
    for (uint32_t i = 0; i < reply->lists; ++i) {
        protocol::CaList* const one = &exchange->lists[i];
        if (!protocol::Decode(&reader, one) || !core::IsPrintable(one->issuer)) return false;
    }
    return reader.remaining() == 0;
}

enum class Outcome { kReply, kBroken, kEnded, kLate, kStopped };

// Converse sends the request and waits for the reply.
Outcome Converse(CaExchange* exchange) {
    core::Timer deadline;
    deadline.Start(ReadClock(), kTimeoutMs);
    for (;;) {
        if (!Flush(&channel)) return Outcome::kEnded;
        const ReadResult read = ReadMore(&channel);
        Frame frame;
        bool broken = false;
        if (NextFrame(&channel, &frame, &broken)) {
            return TakeReply(frame, exchange) ? Outcome::kReply : Outcome::kBroken;
        }
        if (broken) return Outcome::kBroken;
        if (read == ReadResult::kClosed) return Outcome::kEnded;
        if (read == ReadResult::kMore) continue;
        if (deadline.IsDue(ReadClock())) return Outcome::kLate;
        if (Stopping()) return Outcome::kStopped;
        const int unsent = HasUnsent(channel) ? WL_SOCKET_WRITEABLE : 0;
        WaitLatchOrSocket(
            MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH | WL_SOCKET_READABLE | unsent,
            channel.fd, 1000, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
}

}  // namespace

bool AskCa(protocol::CaRequest head, CaExchange* exchange) {
    static bool registered = false;
    if (!registered) before_shmem_exit(AtExit, 0);
    registered = true;
    FillSettings(&head);
    head.items = exchange->items;
    int fd = -1;
    running = StartProgram(kAuthorityProgram, nullptr, 0, &fd);
    if (running == 0) {
        Fail(exchange, "could not start pganalytics-ca: %s", pg_strerror(errno));
        return false;
    }
    OpenChannel(&channel, fd);
    // The head and its items form one payload.
    core::ByteSink<Outbox> sink(&channel.outbox);
    protocol::FrameHeader header = {protocol::kFrameMagic, protocol::FrameType::kCaRequest,
                                    protocol::kFrameVersion, 0, 0};
    sink.Write(header);
    const size_t begin = channel.outbox.size();
    protocol::Encode(head, &sink);
    if (exchange->request.size() > 0) {
        sink.WriteRaw(exchange->request.data(), exchange->request.size());
    }
    header.payload_bytes = static_cast<uint32_t>(channel.outbox.size() - begin);
    memcpy(channel.outbox.data(), &header, sizeof(header));

    const Outcome outcome = Converse(exchange);
    // After its reply the program has nothing left to do, so it is safe to kill it.
    char end[160];
    const int wait_status = KillProgram(running);
    DescribeEnd(kAuthorityProgram, wait_status, end, sizeof(end));
    running = 0;
    switch (outcome) {
        case Outcome::kReply:
            break;
        case Outcome::kBroken:
            exchange->crashed = true;
            Fail(exchange, "%s sent bytes that are no reply", kAuthorityProgram);
            return false;
        case Outcome::kEnded:
            exchange->crashed = HasCrashed(wait_status);
            Fail(exchange, "pganalytics-ca gave no reply; it %s", end);
            return false;
        case Outcome::kLate:
            Fail(exchange, "%s gave no reply within a minute", kAuthorityProgram);
            return false;
        case Outcome::kStopped:
            Fail(exchange, "%s was ended with the worker", kAuthorityProgram);
            return false;
    }
    core::CopyUtf8(exchange->reply.message, exchange->error, sizeof(exchange->error));
    return exchange->reply.failed == 0;
}

uint64 FingerprintOf(const CaExchange& exchange) {
    uint64 fingerprint = 0;
    for (uint32_t i = 0; i < exchange.reply.certificates; ++i) {
        const protocol::CaCertificate& one = exchange.certificates[i];
        // Skip a server certificate that the administrator provides: it changes only with a reload,
        // and then every worker starts a gateway anyway.
        if (one.kind == protocol::CaCertificateKind::kServer && !pg::MakeCertificate()) continue;
        uint64 part = 0;
        memcpy(&part, one.sha256.bytes, sizeof(part));
        fingerprint = hash_combine64(fingerprint, part);
    }
    return fingerprint;
}

void LogNotes(const CaExchange& exchange) {
    std::string_view notes = exchange.reply.notes;
    while (!notes.empty()) {
        const size_t end = Min(notes.find('\n'), notes.size());
        ereport(LOG, errmsg("pganalytics %.*s", static_cast<int>(end), notes.data()));
        notes.remove_prefix(Min(end + 1, notes.size()));
    }
}

void FreeCa(CaExchange* exchange) {
    exchange->request.Free();
    CloseChannel(&channel);
    channel = {};
    *exchange = {};
}

}  // namespace pganalytics::bgworker
