// Health: reads the document in one read-only transaction with a time limit.
#include "pg/store/health.hpp"

#include "pg/base/session.hpp"
#include "pg/base/statement.hpp"
#include "pg/base/trouble.hpp"
#include "pg/identity/authenticate.hpp"
#include "pg/store/metrics/table_locks.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/timeout.h"
}

namespace pganalytics::pg {
namespace {

// A gateway accepts a reply of at most 1 MiB from its worker. 1 KiB of it is for the message's
// other fields.
constexpr size_t kMaxBodyBytes = (size_t{1} << 20) - 1024;

Statement read_health = {
    "SELECT pganalytics.metrics_health($1)::pg_catalog.text", 1, {UUIDOID}, nullptr};

void Refuse(protocol::HealthReply* reply, uint32_t status, std::string_view message) {
    reply->status = status;
    reply->body = message;
}

void Read(const protocol::HealthRequest& request, protocol::HealthReply* reply,
          MemoryContext context) {
    // Make the transaction read-only. metrics_health() only reads, but somebody may have replaced
    // it by code that writes.
    XactReadOnly = true;
    const char* const locked = FindLockedTable(nullptr);
    if (locked != nullptr) return Refuse(reply, 503, LockedTableText(locked, context));
    // The figures are those of the accounts, which a push needs, too.
    LockTable("push_accounts", AccessShareLock, kRequests);
    Holder holder;
    const AuthResult result = Authenticate(request.credential, &holder);
    if (result != AuthResult::kGood) return Refuse(reply, 403, Reason(result));
    if (!(holder.collector_id == request.collector_id)) {
        return Refuse(reply, 403, "collector is not known");
    }
    Datum values[] = {UuidDatum(holder.collector_id)};
    Execute(&read_health, values);
    const std::string_view body = SPI_processed == 1 ? BytesOf(0, 1) : std::string_view{};
    if (body.empty()) return Refuse(reply, 403, "collector is not known");
    if (body.size() > kMaxBodyBytes) {
        return Refuse(reply, 503, "the figures are longer than an answer");
    }
    reply->status = 200;
    reply->body = CopyBytes(body, context);
}

}  // namespace

protocol::HealthReply AnswerHealth(const protocol::HealthRequest& request, WorkerStatus* status,
                                   MemoryContext context) {
    MemoryContext const caller = MemoryContextSwitchTo(context);
    protocol::HealthReply reply;
    // Arm the timeout here. The setting statement_timeout has no effect in a background worker,
    // because PostgreSQL arms it in the main loop of a session.
    enable_timeout_after(STATEMENT_TIMEOUT, kHealthLimitMs);
    ErrorData* const error =
        Transact([&reply, &request, context] { Read(request, &reply, context); });
    disable_timeout(STATEMENT_TIMEOUT, false);
    // The timeout may have fired after this transaction's last check for interrupts. Do not let it
    // cancel the next statement.
    QueryCancelPending = false;
    if (error == nullptr) {
        ReportRefused(status, nullptr);
    } else if (const char* const table = NoteLockedTable(error)) {
        Refuse(&reply, 503, LockedTableText(table, context));
    } else {
        Refuse(&reply, 503, ReportRefused(status, error));
    }
    MemoryContextSwitchTo(caller);
    return reply;
}

}  // namespace pganalytics::pg
