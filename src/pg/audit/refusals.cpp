// Audit refusals: makes the record of a refusal and counts it.
#include "pg/audit/refusals.hpp"

#include "pg/audit/record.hpp"
#include "protocol/api_routes.hpp"
#include "protocol/token_text.hpp"

namespace pganalytics::pg {
namespace {

using protocol::Refusal;
using protocol::RefusalKind;

// A greater count in one frame is invalid: no gateway can have refused so many requests.
constexpr uint64 kMaxCount = 1000000000;

// NeededFor returns the role that a route requires, "" if the route is not one of the port for
// people.
std::string_view NeededFor(std::string_view route) {
    const size_t space = route.find(' ');
    if (space == std::string_view::npos) return "";
    const protocol::ApiRoute* const found =
        protocol::FindApiRoute(route.substr(0, space), route.substr(space + 1));
    return found == nullptr ? "" : protocol::NameOf(found->access);
}

// Count counts a refusal. `of_people`: it was at the port for people.
void Count(const Refusal& refusal, bool of_people, uint64 count) {
    if (!Auditing()) return;
    const protocol::RefusalClass& what = protocol::ClassOf(refusal.kind);
    AuditRecord record;
    BeginAudit(&record, what.event);
    const bool refreshed = refusal.kind == RefusalKind::kTokenRefreshed;
    record.source = of_people ? AuditSource::kApi : AuditSource::kCollectors;
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
    if (refreshed) return PutCountedAudit(record, {AuditTally::kRefreshes}, count);
    AddAuditDetail(&record, "reason", what.reason);
    if (refusal.kind == RefusalKind::kRoleNeeded) {
        AddAuditDetail(&record, "needed", NeededFor(refusal.route));
    }
    PutCountedAudit(record, {AuditTally::kRefusals, refusal.kind, refusal.of_many}, count);
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
    Count(refusal, false, 1);
}

void CountRefusal(RefusalKind kind, const char* actor, const char* address, const char* route) {
    Refusal refusal = {};
    refusal.kind = kind;
    core::ParseAddress(address, &refusal.address);
    protocol::SetText(refusal.actor, actor);
    protocol::SetText(refusal.route, route);
    Count(refusal, true, 1);
}

bool TakeRefused(const protocol::Refused& refused, bool of_people) {
    if (static_cast<size_t>(refused.kind) >= protocol::kRefusalKinds ||
        !protocol::ClassOf(refused.kind).by_gateway || refused.count < 1 || refused.of_many > 1 ||
        refused.count > kMaxCount || !IsRouteText(refused.route)) {
        return false;
    }
    Refusal refusal = {};
    refusal.kind = refused.kind;
    refusal.of_many = refused.of_many == 1;
    refusal.address = refused.address;
    refusal.collector = refused.collector;
    protocol::SetText(refusal.route, refused.route);
    Count(refusal, of_people, refused.count);
    return true;
}

}  // namespace pganalytics::pg
