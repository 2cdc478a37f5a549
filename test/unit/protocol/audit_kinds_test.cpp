// Tests of ReadAuditKinds: what pganalytics.audit_kinds may say, and what it can never leave out.
#include "protocol/audit_kinds.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pganalytics::protocol {
namespace {

constexpr AuditKinds Bit(AuditEvent event) { return AuditKinds{1} << static_cast<int>(event); }

AuditKinds Read(std::string_view list) {
    AuditKinds kinds = 0;
    std::string_view name;
    EXPECT_EQ(ReadAuditKinds(list, &kinds, &name), AuditKindsFault::kNone) << list;
    return kinds;
}

void ExpectFault(std::string_view list, AuditKindsFault fault, std::string_view wrong) {
    AuditKinds kinds = 0;
    std::string_view name;
    EXPECT_EQ(ReadAuditKinds(list, &kinds, &name), fault) << list;
    EXPECT_EQ(name, wrong);
}

TEST(AuditKinds, ListsNameWhatIsRecorded) {
    EXPECT_EQ(Read("all"), kAllAuditKinds);
    EXPECT_EQ(Read("ddl"), RequiredAuditKinds() | Bit(AuditEvent::kObjectChanged));
    EXPECT_EQ(Read(" auth.login ,security.configured"),
              RequiredAuditKinds() | Bit(AuditEvent::kLogin));
    EXPECT_EQ(Read("auth"), RequiredAuditKinds() | Bit(AuditEvent::kLogin) |
                                Bit(AuditEvent::kLogout) | Bit(AuditEvent::kTokenRefreshed));
}

TEST(AuditKinds, AMinusLeavesOut) {
    const AuditKinds without = kAllAuditKinds & ~Bit(AuditEvent::kLogin);
    EXPECT_EQ(Read("all, -auth.login"), without);
    EXPECT_EQ(Read("-auth.login"), without);
    EXPECT_EQ(Read("-auth.login,-ddl"), without & ~Bit(AuditEvent::kObjectChanged));
    EXPECT_EQ(Read("-auth.login, auth.login"), kAllAuditKinds);
}

TEST(AuditKinds, WhatProtectsCannotBeLeftOut) {
    for (const AuditEventKind& kind : kAuditEvents) {
        const std::string list = "all, -" + std::string(kind.name);
        if (kind.optional) {
            Read(list);
        } else {
            ExpectFault(list, AuditKindsFault::kRequired, kind.name);
        }
    }
    for (const AuditEvent event :
         {AuditEvent::kSecurityConfigured, AuditEvent::kSettingAltered, AuditEvent::kLoginFailed,
          AuditEvent::kPermissionDenied, AuditEvent::kAlertRuleChanged, AuditEvent::kAuditGap}) {
        EXPECT_NE(RequiredAuditKinds() & Bit(event), 0U);
    }
    ExpectFault("-auth", AuditKindsFault::kRequired, "auth");
    ExpectFault("-all", AuditKindsFault::kRequired, "all");
}

TEST(AuditKinds, NamesThatDoNotExist) {
    ExpectFault("", AuditKindsFault::kUnknown, "");
    ExpectFault("all,", AuditKindsFault::kUnknown, "");
    ExpectFault("auth.", AuditKindsFault::kUnknown, "auth.");
    ExpectFault("all, -logins", AuditKindsFault::kUnknown, "logins");
    ExpectFault("ALL", AuditKindsFault::kUnknown, "ALL");
    ExpectFault("- ddl", AuditKindsFault::kUnknown, " ddl");
}

}  // namespace
}  // namespace pganalytics::protocol
