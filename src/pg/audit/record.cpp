// Audit: makes records and puts them into the ring.
#include "pg/audit/record.hpp"

#include "core/hex.hpp"
#include "pg/audit/role.hpp"
#include "pg/base/guc.hpp"
#include "pg/base/shmem.hpp"

extern "C" {
#include "access/parallel.h"
#include "libpq/libpq-be.h"
#include "mb/pg_wchar.h"
}

namespace pganalytics::pg {
namespace {

constexpr size_t kMaxDetailBytes = 512;
constexpr std::string_view kMark = "...";
// AddMember adds kCutMember instead of a member that does not fit. It always leaves room for
// kCutMember.
constexpr std::string_view kCutMember = ",\"cut\":true";
constexpr int kMaxLevels = 64;

AuditSubject subject;
bool has_subject = false;

// recorded[n] counts the events that were recorded at transaction nesting level n + 1 and that a
// rollback would undo. The last element also counts the events of all deeper levels.
uint32 recorded[kMaxLevels];
bool watching_transactions = false;
uint64 recorded_denials = 0;

// Out is a field of fixed size with the place where Append writes next. Append writes a piece whole
// or not at all.
struct Out {
    char* at;
    char* end;  // limit of the text; a terminating zero still fits here
    bool full;
};

void Append(Out* out, std::string_view bytes) {
    if (out->full || static_cast<size_t>(out->end - out->at) < bytes.size()) {
        out->full = true;
        return;
    }
    memcpy(out->at, bytes.data(), bytes.size());
    out->at += bytes.size();
}

// CharacterAt returns the length of the UTF-8 character at the start of `text`. It returns 0 for a
// control character and for bytes that must not be copied. In a database whose encoding is not
// UTF-8, only the ASCII of a session's texts is copied, because a conversion could raise an ERROR.
// Before the session has a database, the encoding is unknown: any valid UTF-8 is copied.
size_t CharacterAt(std::string_view text) {
    const auto first = static_cast<unsigned char>(text[0]);
    if (first < 0x20 || first == 0x7F) return 0;
    if (first < 0x80) return 1;
    if (OidIsValid(MyDatabaseId) && GetDatabaseEncoding() != PG_UTF8 && !has_subject) return 0;
    const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
    const int length = pg_utf_mblen(bytes);
    if (static_cast<size_t>(length) > text.size() || !pg_utf8_islegal(bytes, length)) return 0;
    return static_cast<size_t>(length);
}

// AppendText appends a text; bytes for which CharacterAt returns 0 become \xHH. For JSON it also
// puts a backslash before each backslash and quote.
void AppendText(Out* out, std::string_view text, bool json) {
    for (size_t i = 0; i < text.size() && !out->full;) {
        const size_t length = CharacterAt(text.substr(i));
        if (length == 0) {
            const auto byte = static_cast<unsigned char>(text[i++]);
            char escaped[5] = {'\\', '\\', 'x'};
            core::WriteHex(&byte, 1, escaped + 3);
            Append(out, json ? std::string_view(escaped, 5) : std::string_view(escaped + 1, 4));
            continue;
        }
        char quoted[2] = {'\\', text[i]};
        const bool quote = json && (text[i] == '"' || text[i] == '\\');
        Append(out, quote ? std::string_view(quoted, 2) : text.substr(i, length));
        i += length;
    }
}

// AppendCut is AppendText with at most `limit` bytes. If it cuts the text, it appends kMark.
void AppendCut(Out* out, std::string_view text, size_t limit, bool json) {
    const size_t room = Min(static_cast<size_t>(out->end - out->at), limit);
    Out part = {out->at, out->at + room - Min(room, kMark.size()), false};
    AppendText(&part, text, json);
    if (part.full) {
        // The text did not fit beside the mark. It may fit if the mark is not needed.
        Out whole = {out->at, out->at + room, false};
        AppendText(&whole, text, json);
        if (!whole.full) {
            out->at = whole.at;
            return;
        }
        part = {out->at, out->at + room - Min(room, kMark.size()), false};
        AppendText(&part, text, json);
        part.end = out->at + room;
        part.full = false;
        Append(&part, kMark);
    }
    out->at = part.at;
}

Out DetailsOf(AuditRecord* record, size_t kept) {
    char* const begin = record->details;
    return {begin + strlen(begin), begin + sizeof(record->details) - 1 - kept, false};
}

bool IsCut(const AuditRecord& record) {
    const std::string_view details = record.details;
    return details.ends_with(kCutMember) || details == "{\"cut\":true";
}

// AddMember adds a member: the key, and the value that write(out) appends. If the member does not
// fit, it adds "cut": true instead.
template <typename Write>
void AddMember(AuditRecord* record, std::string_view key, Write&& write) {
    if (IsCut(*record)) return;
    Out out = DetailsOf(record, kCutMember.size());
    char* const begin = out.at;
    Append(&out, begin == record->details ? "{\"" : ",\"");
    AppendText(&out, key, true);
    Append(&out, "\":");
    write(&out);
    if (out.full) {
        out = {begin, begin + kCutMember.size() + 1, false};
        Append(&out, begin == record->details ? std::string_view("{\"cut\":true") : kCutMember);
    }
    *out.at = '\0';
}

void AppendQuoted(Out* out, std::string_view text) {
    Append(out, "\"");
    // If the closing quote does not fit, AddMember drops the whole member.
    if (!out->full) AppendCut(out, text, kMaxDetailBytes, true);
    Append(out, "\"");
}

void AppendValue(Out* out, const AuditValue& value) {
    switch (value.kind) {
        case AuditValue::Kind::kNull:
            return Append(out, "null");
        case AuditValue::Kind::kText:
            return AppendQuoted(out, value.text);
        case AuditValue::Kind::kJson:
            return Append(out, value.text);
    }
}

// ConcernsExtension: the object is the extension or something in its schema: the log itself, its
// triggers, rules of alerts.
bool ConcernsExtension(const AuditRecord& record) {
    const std::string_view id = record.resource_id;
    return id == "pganalytics" || id.starts_with("pganalytics.") ||
           id.find(" on pganalytics.") != id.npos;
}

bool Records(const AuditRecord& record) {
    if (!Auditing()) return false;
    const auto kind = protocol::AuditKinds{1} << static_cast<int>(record.event);
    if ((ChosenAuditKinds() & kind) != 0) return true;
    return record.event == protocol::AuditEvent::kObjectChanged && ConcernsExtension(record);
}

// IsCounted: a client or a role without privileges can cause any number of events like this one.
bool IsCounted(const AuditRecord& record, CountedAs* as) {
    switch (record.event) {
        case protocol::AuditEvent::kPermissionDenied:
            as->tally = AuditTally::kDenials;
            return true;
        case protocol::AuditEvent::kLoginFailed:
            as->tally = AuditTally::kLogins;
            return true;
        case protocol::AuditEvent::kTokenRefreshed:
            as->tally = AuditTally::kRefreshes;
            return true;
        default:
            as->tally = AuditTally::kFailures;
            return record.outcome == AuditOutcome::kFailed;
    }
}

int LevelIndex() { return Min(GetCurrentTransactionNestLevel(), kMaxLevels) - 1; }

void RecordRollback(int first) {
    uint32 count = 0;
    for (int i = first; i < kMaxLevels; ++i) {
        count += recorded[i];
        recorded[i] = 0;
    }
    if (count == 0) return;
    AuditRecord record;
    BeginAudit(&record, protocol::AuditEvent::kRolledBack);
    AddAuditDetail(&record, "events", int64{count});
    PutAuditRecord(record);
}

void OnTransaction(XactEvent event, void*) noexcept {
    if (event == XACT_EVENT_ABORT) RecordRollback(0);
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE) {
        memset(recorded, 0, sizeof(recorded));
    }
}

// When PostgreSQL calls this function, the nesting level is still that of the savepoint.
void OnSavepoint(SubXactEvent event, SubTransactionId, SubTransactionId, void*) noexcept {
    const int level = LevelIndex();
    if (event == SUBXACT_EVENT_ABORT_SUB) {
        RecordRollback(level);
    } else if (event == SUBXACT_EVENT_COMMIT_SUB && level > 0) {
        recorded[level - 1] += recorded[level];
        recorded[level] = 0;
    }
}

}  // namespace

void SetAuditSubject(AuditSource source, std::string_view actor, std::string_view address,
                     std::string_view correlation_id) {
    has_subject = true;
    subject.source = source;
    SetAuditText(subject.actor, actor);
    SetAuditText(subject.address, address);
    SetAuditText(subject.correlation_id, correlation_id);
    if (!correlation_id.empty()) return;
    static uint32 requests = 0;
    pg_snprintf(subject.correlation_id, sizeof(subject.correlation_id), "%lx.%x.%u",
                static_cast<unsigned long>(MyStartTime), static_cast<unsigned>(MyProcPid),
                ++requests);
}

void SetAuditActor(std::string_view actor) { SetAuditText(subject.actor, actor); }

void EndAuditSubject() { has_subject = false; }

std::string_view AuditActor() { return subject.actor; }
bool ActsForAuditSubject(AuditSource source) { return has_subject && subject.source == source; }
bool ActsForSomebody() { return MyProcPort != nullptr || has_subject || !IsOwnWorker(); }

bool Auditing() { return settings.audit && SharedMemoryReady(); }

void BeginAudit(AuditRecord* record, protocol::AuditEvent event) {
    // Do not clear the whole record, which has two kilobytes: each text is set or emptied below.
    record->occurred_at = GetCurrentTimestamp();
    record->event = event;
    record->source = AuditSource::kServer;
    record->outcome = AuditOutcome::kSuccess;
    record->pid = MyProcPid;
    for (char* field :
         {record->actor, record->role, record->address, record->application, record->database,
          record->resource_type, record->resource_id, record->details}) {
        field[0] = '\0';
    }
    pg_snprintf(record->correlation_id, sizeof(record->correlation_id), "%lx.%x",
                static_cast<unsigned long>(MyStartTime), static_cast<unsigned>(MyProcPid));
    if (has_subject) {
        record->source = subject.source;
        strlcpy(record->actor, subject.actor, sizeof(record->actor));
        strlcpy(record->address, subject.address, sizeof(record->address));
        strlcpy(record->correlation_id, subject.correlation_id, sizeof(record->correlation_id));
        SetAuditText(record->database, settings.database);
        return;
    }
    const Port* const port = MyProcPort;
    if (port != nullptr) {
        record->source = AuditSource::kSession;
        if (port->user_name != nullptr) SetAuditText(record->actor, port->user_name);
        if (port->remote_host != nullptr) SetAuditText(record->address, port->remote_host);
        if (port->database_name != nullptr) SetAuditText(record->database, port->database_name);
        if (application_name != nullptr) SetAuditText(record->application, application_name);
    } else if (MyBgworkerEntry != nullptr) {
        SetAuditText(record->application, MyBgworkerEntry->bgw_name);
    }
    SetAuditText(record->role, ActingRole());
    if (strcmp(record->role, record->actor) == 0) record->role[0] = '\0';
}

void SetAuditText(char* field, size_t size, std::string_view text) {
    Out out = {field, field + size - 1, false};
    AppendCut(&out, text, size, false);
    *out.at = '\0';
}

void SetAuditResource(AuditRecord* record, std::string_view type, std::string_view id) {
    SetAuditText(record->resource_type, type);
    SetAuditText(record->resource_id, id);
}

void AddAuditDetail(AuditRecord* record, std::string_view key, std::string_view value) {
    AddMember(record, key, [value](Out* out) { AppendQuoted(out, value); });
}

void AddAuditDetail(AuditRecord* record, std::string_view key, int64 value) {
    char text[32];
    pg_snprintf(text, sizeof(text), "%lld", static_cast<long long>(value));
    AddMember(record, key, [&text](Out* out) { Append(out, text); });
}

void AddAuditDetail(AuditRecord* record, std::string_view key, bool value) {
    AddMember(record, key, [value](Out* out) { Append(out, value ? "true" : "false"); });
}

void AddAuditDetail(AuditRecord* record, std::string_view key, const AuditValue& value) {
    AddMember(record, key, [&value](Out* out) { AppendValue(out, value); });
}

void AddAuditChange(AuditRecord* record, std::string_view key, const AuditValue& before,
                    const AuditValue& after) {
    AddMember(record, key, [&before, &after](Out* out) {
        Append(out, "{\"old\":");
        AppendValue(out, before);
        Append(out, ",\"new\":");
        AppendValue(out, after);
        Append(out, "}");
    });
}

uint64 RecordedDenials() { return recorded_denials; }

void PutAudit(const AuditRecord& record) {
    CountedAs as = {};
    if (IsCounted(record, &as)) return PutCountedAudit(record, as, 1);
    if (!Records(record)) return;
    PutAuditRecord(record);
    if (!protocol::KindOf(record.event).transactional || !IsTransactionState()) return;
    if (!watching_transactions) {
        RegisterXactCallback(OnTransaction, nullptr);
        RegisterSubXactCallback(OnSavepoint, nullptr);
        watching_transactions = true;
    }
    ++recorded[LevelIndex()];
}

void PutCountedAudit(const AuditRecord& record, const CountedAs& as, uint64 count) {
    if (!Records(record)) return;
    if (record.event == protocol::AuditEvent::kPermissionDenied) ++recorded_denials;
    CountAudit(record, as, count);
}

void AddAuditCount(AuditRecord* record, const CountedAudit& counted) {
    // One event of a session needs no count.
    const bool of_session = record->source == AuditSource::kSession;
    if (of_session && counted.count == 1 && !counted.of_many) return;
    char text[128];
    int used = pg_snprintf(text, sizeof(text), ",\"count\":%llu",
                           static_cast<unsigned long long>(counted.count));
    if (counted.count > 1 && counted.over_ms > 0) {
        used += pg_snprintf(text + used, sizeof(text) - used, ",\"seconds\":%lld",
                            static_cast<long long>((counted.over_ms + 999) / 1000));
    }
    if (counted.of_many) strlcpy(text + used, ",\"of_many\":true", sizeof(text) - used);
    if (strlen(record->details) + strlen(text) >= sizeof(record->details)) {
        strlcpy(record->details, "{\"cut\":true", sizeof(record->details));
    }
    const bool first = record->details[0] == '\0';
    if (first) text[0] = '{';
    strlcat(record->details, text, sizeof(record->details));
}

void RequireAuditRoom() {
    if (!Auditing() || settings.audit_overflow != static_cast<int>(AuditOverflow::kRefuse) ||
        !AuditRingIsServed() || AuditRingHasRoom()) {
        return;
    }
    ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_RESOURCES),
            errmsg("the buffer of the audit log is full"),
            errdetail("With pganalytics.audit_overflow = refuse, nothing is done that could not be "
                      "told of."),
            errhint("See last_error of the audit worker in pganalytics.workers."));
}

}  // namespace pganalytics::pg
