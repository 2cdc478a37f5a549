// Audit refusals: keeps two tallies, one for refusals and one for refreshed tokens. A tally has few
// slots: in a common tally, many refreshed tokens could displace the refusals.
#include "pg/audit/refusals.hpp"

#include "core/monotonic.hpp"
#include "core/tally.hpp"
#include "pg/audit/record.hpp"
#include "protocol/api_routes.hpp"
#include "protocol/token_text.hpp"

namespace pganalytics::pg {
namespace {

using protocol::Refusal;
using protocol::RefusalKind;
using Due = core::Counted<Refusal>;

core::Tally<Refusal, 32, protocol::kRefusalKinds> refusals;
core::Tally<Refusal, 64, protocol::kRefusalKinds> refreshes;

// true: this worker serves the port for people; false: the port for collectors.
bool serves_people = false;

// A greater count in one frame is invalid: no gateway can have refused so many requests.
constexpr uint64 kMaxCount = 1000000000;

int64 NowMs() { return core::Instant::Now().ms(); }

// NeededFor returns the role that a route requires, "" if the route is not one of the port for
// people.
std::string_view NeededFor(std::string_view route) {
    const size_t space = route.find(' ');
    if (space == std::string_view::npos) return "";
    const protocol::ApiRoute* const found =
        protocol::FindApiRoute(route.substr(0, space), route.substr(space + 1));
    return found == nullptr ? "" : protocol::NameOf(found->access);
}

void Record(const Due& due) {
    const Refusal& refusal = due.key;
    const protocol::RefusalClass& what = protocol::ClassOf(refusal.kind);
    AuditRecord record;
    BeginAudit(&record, what.event);
    const bool refreshed = refusal.kind == RefusalKind::kTokenRefreshed;
    record.source = serves_people ? AuditSource::kApi : AuditSource::kCollectors;
    record.outcome = refreshed ? AuditOutcome::kSuccess : AuditOutcome::kDenied;
    record.actor[0] = '\0';
    record.address[0] = '\0';
    if (refusal.actor[0] != '\0') {
        SetAuditText(record.actor, refusal.actor);
    } else if (!protocol::IsZero(refusal.collector)) {
        char id[36];
        protocol::WriteUuid(refusal.collector, id);
        SetAuditText(record.actor, std::string_view(id, sizeof(id)));
    }
    if (!(refusal.address == core::Address{})) {
        char address[core::kAddressTextBytes];
        core::FormatAddress(refusal.address, address);
        SetAuditText(record.address, address);
    }
    if (refusal.route[0] != '\0') SetAuditResource(&record, "route", refusal.route);
    if (!refreshed) AddAuditDetail(&record, "reason", what.reason);
    if (refusal.kind == RefusalKind::kRoleNeeded) {
        AddAuditDetail(&record, "needed", NeededFor(refusal.route));
    }
    AddAuditDetail(&record, "count", static_cast<int64>(due.count));
    if (due.over_ms > 0) AddAuditDetail(&record, "seconds", (due.over_ms + 999) / 1000);
    if (refusal == refusal.Rest()) AddAuditDetail(&record, "of_many", true);
    PutAudit(record);
}

void Count(const Refusal& refusal, uint64 count) {
    if (!Auditing()) return;
    Due due;
    const bool now = refusal.kind == RefusalKind::kTokenRefreshed
                         ? refreshes.Add(refusal, count, NowMs(), &due)
                         : refusals.Add(refusal, count, NowMs(), &due);
    if (now) Record(due);
}

const core::Uuid& NamedBy(const protocol::Credential& credential) {
    return protocol::IsZero(credential.certificate_subject) ? credential.token_subject
                                                            : credential.certificate_subject;
}

bool IsRouteText(std::string_view text) {
    for (const char c : text) {
        if (c < ' ' || c > '~') return false;
    }
    return text.size() < sizeof(Refusal::route);
}

}  // namespace

void ActForCollector(const protocol::Credential& credential) {
    const core::Uuid& named = NamedBy(credential);
    char id[36];
    protocol::WriteUuid(named, id);
    char address[core::kAddressTextBytes] = "";
    if (!(credential.address == core::Address{})) core::FormatAddress(credential.address, address);
    SetAuditSubject(AuditSource::kCollectors,
                    protocol::IsZero(named) ? std::string_view() : std::string_view(id, sizeof(id)),
                    address, "");
}

void CountRefusal(RefusalKind kind, const protocol::Credential& credential,
                  const core::Uuid* collector) {
    Refusal refusal = {};
    refusal.kind = kind;
    refusal.address = credential.address;
    refusal.collector = collector != nullptr ? *collector : NamedBy(credential);
    Count(refusal, 1);
}

void CountRefusal(RefusalKind kind, const char* actor, const char* address, const char* route) {
    serves_people = true;
    Refusal refusal = {};
    refusal.kind = kind;
    core::ParseAddress(address, &refusal.address);
    protocol::SetText(refusal.actor, actor);
    protocol::SetText(refusal.route, route);
    Count(refusal, 1);
}

bool TakeRefused(const protocol::Refused& refused, bool of_people) {
    if (static_cast<size_t>(refused.kind) >= protocol::kRefusalKinds ||
        !protocol::ClassOf(refused.kind).by_gateway || refused.count < 1 ||
        refused.count > kMaxCount || !IsRouteText(refused.route)) {
        return false;
    }
    serves_people = of_people;
    Refusal refusal = {};
    refusal.kind = refused.kind;
    refusal.address = refused.address;
    refusal.collector = refused.collector;
    protocol::SetText(refusal.route, refused.route);
    Count(refusal, refused.count);
    return true;
}

void RecordDueRefusals() {
    Due due;
    const int64 now = NowMs();
    while (refusals.Next(now, &due)) Record(due);
    while (refreshes.Next(now, &due)) Record(due);
}

void RecordAllRefusals() {
    Due due;
    const int64 now = NowMs();
    while (refusals.Last(now, &due)) Record(due);
    while (refreshes.Last(now, &due)) Record(due);
}

}  // namespace pganalytics::pg
