// Audit kinds: reads pganalytics.audit_kinds, which says what the audit log records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/audit_events.hpp"

namespace pganalytics::protocol {

// AuditKinds is a set of kinds: bit n stands for kAuditEvents[n].
using AuditKinds = uint64_t;
inline constexpr size_t kAuditKinds = sizeof(kAuditEvents) / sizeof(kAuditEvents[0]);
static_assert(kAuditKinds < 64);
inline constexpr AuditKinds kAllAuditKinds = (AuditKinds{1} << kAuditKinds) - 1;

constexpr AuditKinds KindsNamed(std::string_view name) {
    if (name == "all") return kAllAuditKinds;
    AuditKinds found = 0;
    for (size_t i = 0; i < kAuditKinds; ++i) {
        const std::string_view kind = kAuditEvents[i].name;
        if (kind == name || kind.substr(0, kind.find('.')) == name) found |= AuditKinds{1} << i;
    }
    return found;
}

constexpr AuditKinds RequiredAuditKinds() {
    AuditKinds required = 0;
    for (size_t i = 0; i < kAuditKinds; ++i) {
        if (!kAuditEvents[i].optional) required |= AuditKinds{1} << i;
    }
    return required;
}

enum class AuditKindsFault { kNone, kUnknown, kRequired };

// ReadAuditKinds reads a list as in "all, -auth.login, -ddl": names of kinds, of groups (what
// stands before the dot), and "all". A name with a minus leaves out. A list that begins so begins
// with all kinds. Kinds that are not optional are always in the set. If the list names nothing that
// exists, or leaves out what is not optional, it returns the fault, and the name in *name.
constexpr AuditKindsFault ReadAuditKinds(std::string_view list, AuditKinds* kinds,
                                         std::string_view* name) {
    constexpr std::string_view kSpaces = " \t";
    *kinds = 0;
    for (bool first = true;; first = false) {
        const size_t comma = list.find(',');
        *name = list.substr(0, comma);
        while (!name->empty() && kSpaces.find(name->back()) != kSpaces.npos) name->remove_suffix(1);
        while (!name->empty() && kSpaces.find(name->front()) != kSpaces.npos) {
            name->remove_prefix(1);
        }
        const bool leave_out = name->starts_with('-');
        if (leave_out) name->remove_prefix(1);
        if (leave_out && first) *kinds = kAllAuditKinds;
        const AuditKinds named = KindsNamed(*name);
        if (named == 0) return AuditKindsFault::kUnknown;
        if (leave_out && (named & RequiredAuditKinds()) != 0) return AuditKindsFault::kRequired;
        *kinds = leave_out ? *kinds & ~named : *kinds | named;
        if (comma == list.npos) break;
        list.remove_prefix(comma + 1);
    }
    *kinds |= RequiredAuditKinds();
    return AuditKindsFault::kNone;
}

}  // namespace pganalytics::protocol
