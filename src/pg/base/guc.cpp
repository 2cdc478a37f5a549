// GUC: defines the settings that settings.def lists, with their choices and checks.
#include "pg/base/guc.hpp"

#include "pg/base/evaluation_time.hpp"

#include <limits.h>

#include "core/host_list.hpp"
#include "core/mail_address.hpp"
#include "pg/base/compat.h"

namespace pganalytics::pg {

Settings settings;

namespace {

constexpr config_enum_entry kIngestPaths[] = {
    {"auto", static_cast<int>(IngestPath::kAuto), false},
    {"direct", static_cast<int>(IngestPath::kDirect), false},
    {"copy", static_cast<int>(IngestPath::kCopy), false},
    {"spi", static_cast<int>(IngestPath::kSpi), false},
    {nullptr, 0, false},
};

constexpr config_enum_entry kAuditOverflows[] = {
    {"count", static_cast<int>(AuditOverflow::kCount), false},
    {"refuse", static_cast<int>(AuditOverflow::kRefuse), false},
    {nullptr, 0, false},
};

constexpr config_enum_entry kMetricsAccess[] = {
    {"authenticated", static_cast<int>(protocol::MetricsAccess::kAuthenticated), false},
    {"anyone", static_cast<int>(protocol::MetricsAccess::kAnyone), false},
    {nullptr, 0, false},
};

constexpr config_enum_entry kMtls[] = {
    {"off", static_cast<int>(protocol::Mtls::kOff), false},
    {"optional", static_cast<int>(protocol::Mtls::kOptional), false},
    {"required", static_cast<int>(protocol::Mtls::kRequired), false},
    {nullptr, 0, false},
};

constexpr config_enum_entry kQueryTexts[] = {
    {"masked", static_cast<int>(QueryTexts::kMasked), false},
    {"none", static_cast<int>(QueryTexts::kNone), false},
    {"as_sent", static_cast<int>(QueryTexts::kAsSent), false},
    {nullptr, 0, false},
};

// CheckName accepts a name of 1 to 64 bytes, which fits into the common name of a certificate
// (ub-common-name, RFC 5280 appendix A.1).
bool CheckName(char** value, void**, GucSource) noexcept {
    if (**value != '\0' && strlen(*value) <= 64) return true;
    GUC_check_errdetail("The name of a certificate authority has 1 to 64 bytes.");
    GUC_check_errhint("Name the organisation or the site, as in \"pganalytics CA, Site 1\".");
    return false;
}

// CheckServerNames accepts only characters that need no quoting in a certificate.
bool CheckServerNames(char** value, void**, GucSource) noexcept {
    constexpr char kGood[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:*";
    if (**value == '\0' || SplitAddresses(*value, [kGood](const char* name) {
            return strspn(name, kGood) == strlen(name);
        })) {
        return true;
    }
    GUC_check_errdetail("The list has an entry that is neither a host name nor an address.");
    GUC_check_errhint(
        "Separate names and addresses by commas, as in \"db.example.com, 10.0.0.5\".");
    return false;
}

// CheckUrl accepts only printable ASCII, because certificates and alerts contain the URL unchanged.
bool CheckUrl(const char* value, const char* example) {
    constexpr size_t kMaxBytes = 1024;
    if (*value == '\0') return true;
    const bool http = strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0;
    const char* const rest = http ? strstr(value, "://") + 3 : "";
    bool good = *rest != '\0' && *rest != '/' && strlen(value) <= kMaxBytes;
    for (const char* c = rest; *c != '\0'; ++c) good = good && *c > ' ' && *c < 0x7F;
    if (good) return true;
    GUC_check_errdetail("The address is no http: or https: URL of at most %d printable characters.",
                        static_cast<int>(kMaxBytes));
    GUC_check_errhint("Write it as in \"%s\".", example);
    return false;
}

bool CheckCrlUrl(char** value, void**, GucSource) noexcept {
    return CheckUrl(*value, "http://pki.example.com/pganalytics.crl");
}

bool CheckExternalUrl(char** value, void**, GucSource) noexcept {
    return CheckUrl(*value, "https://db.example.com:8444");
}

bool CheckAllowedHosts(char** value, void**, GucSource) noexcept {
    if (core::IsHostList(*value)) return true;
    GUC_check_errdetail("The list has an entry that is no host, host:port, address or network.");
    GUC_check_errhint(
        "Separate entries by commas, as in \"alertmanager.lan:9093, 10.1.0.0/16, [fd00::1]:443\".");
    return false;
}

bool CheckSmtpRelay(char** value, void**, GucSource) noexcept {
    std::string_view host;
    uint16_t port = 0;
    if (core::SplitHostPort(*value, &host, &port)) return true;
    GUC_check_errdetail("The relay is no host with a port.");
    GUC_check_errhint("Write it as in \"localhost:25\".");
    return false;
}

bool CheckMailFrom(char** value, void**, GucSource) noexcept {
    if (**value == '\0' || core::IsMailAddress(*value)) return true;
    GUC_check_errdetail("The text is no mail address.");
    GUC_check_errhint("Write the address alone, as in \"alerts@db.example.com\".");
    return false;
}

bool CheckChannel(char** value, void**, GucSource) noexcept {
    if (strlen(*value) < NAMEDATALEN) return true;
    GUC_check_errdetail("The name of a channel has at most %d bytes.", NAMEDATALEN - 1);
    GUC_check_errhint("Name a channel as LISTEN takes it.");
    return false;
}

protocol::AuditKinds audit_kinds = protocol::kAllAuditKinds;

// OptionalKinds lists the kinds that may be left out.
const char* OptionalKinds() {
    StringInfoData list;
    initStringInfo(&list);
    for (const protocol::AuditEventKind& kind : protocol::kAuditEvents) {
        if (!kind.optional) continue;
        appendStringInfo(&list, "%s%.*s", list.len > 0 ? ", " : "",
                         static_cast<int>(kind.name.size()), kind.name.data());
    }
    return list.data;
}

bool CheckAuditKinds(char** value, void** extra, GucSource) noexcept {
    protocol::AuditKinds kinds = 0;
    std::string_view name;
    switch (protocol::ReadAuditKinds(*value, &kinds, &name)) {
        case protocol::AuditKindsFault::kNone:
            *extra = AllocateGucExtra(sizeof(kinds));
            if (*extra == nullptr) return false;
            memcpy(*extra, &kinds, sizeof(kinds));
            return true;
        case protocol::AuditKindsFault::kUnknown:
            GUC_check_errdetail("\"%.*s\" is no kind or group of events of the audit log.",
                                static_cast<int>(name.size()), name.data());
            GUC_check_errhint(
                "SELECT event FROM pganalytics.audit_events() has all kinds. What "
                "stands before the dot is the name of a group.");
            return false;
        case protocol::AuditKindsFault::kRequired:
            break;
    }
    GUC_check_errdetail("\"%.*s\" cannot be left out of the audit log.",
                        static_cast<int>(name.size()), name.data());
    GUC_check_errhint("Kinds that can be left out: %s.", OptionalKinds());
    return false;
}

void AssignAuditKinds(const char*, void* extra) noexcept {
    memcpy(&audit_kinds, extra, sizeof(audit_kinds));
}

bool CheckDatabase(char** value, void**, GucSource) noexcept {
    if (**value != '\0' && strlen(*value) < NAMEDATALEN) return true;
    GUC_check_errdetail("A database name has 1 to %d bytes.", NAMEDATALEN - 1);
    GUC_check_errhint("Name the database in which CREATE EXTENSION pganalytics is or will be run.");
    return false;
}

bool CheckListenAddresses(char** value, void**, GucSource) noexcept {
    int count = 0;
    if (SplitAddresses(*value, [&count](const char*) { return ++count <= kMaxListenAddresses; })) {
        return true;
    }
    GUC_check_errdetail("The list has an empty or overlong entry, or more than %d entries.",
                        kMaxListenAddresses);
    GUC_check_errhint("Use host names or addresses separated by commas, or '*' for every address.");
    return false;
}

bool CheckCopiedPath(char** value, void**, GucSource) noexcept {
    if (strlen(*value) < MAXPGPATH) return true;
    GUC_check_errdetail("The path is longer than %d bytes.", MAXPGPATH - 1);
    GUC_check_errhint("Use a path relative to the data directory.");
    return false;
}

enum class Effect : int { kRestart, kReload, kSession };
using enum Effect;
using enum Protects;
using enum Shown;

GucContext ContextOf(Effect effect) {
    if (effect == kSession) return PGC_USERSET;
    const bool at_start = effect == kRestart && process_shared_preload_libraries_in_progress;
    return at_start ? PGC_POSTMASTER : PGC_SIGHUP;
}

// These are PostgreSQL's flags for the units of settings.def. PostgreSQL has no unit for days, so a
// setting in days is a plain number.
constexpr int kUnit_s = GUC_UNIT_S;
constexpr int kUnit_ms = GUC_UNIT_MS;
constexpr int kUnit_min = GUC_UNIT_MIN;
constexpr int kUnit_kb = GUC_UNIT_KB;
constexpr int kUnit_days = 0;

struct TextHooks {
    constexpr TextHooks(GucStringCheckHook check, GucStringAssignHook assign = nullptr)
        : check(check), assign(assign) {}
    GucStringCheckHook check;
    GucStringAssignHook assign;
};

void DefineInt(const char* name, const char* description, int* variable, int value, int least,
               int greatest, Effect effect, int unit) {
    DefineCustomIntVariable(name, description, nullptr, variable, value, least, greatest,
                            ContextOf(effect), unit, nullptr, nullptr, nullptr);
}

void DefineText(const char* name, const char* description, char** variable, const char* value,
                const TextHooks& hooks, Effect effect, Shown shown) {
    DefineCustomStringVariable(name, description, nullptr, variable, value, ContextOf(effect),
                               shown == kSecret ? GUC_SUPERUSER_ONLY : 0, hooks.check, hooks.assign,
                               nullptr);
}

constexpr SettingFacts kFacts[] = {
#define SETTING_SWITCH(name, value, effect, protects, description) \
    {"pganalytics." #name, protects, kShown},
#define SETTING_NUMBER(name, value, least, greatest, effect, protects, description) \
    {"pganalytics." #name, protects, kShown},
#define SETTING_QUANTITY(name, unit, value, least, greatest, effect, protects, description) \
    {"pganalytics." #name, protects, kShown},
#define SETTING_SHARE(name, value, least, greatest, effect, protects, description) \
    {"pganalytics." #name, protects, kShown},
#define SETTING_CHOICE(name, choices, value, effect, protects, description) \
    {"pganalytics." #name, protects, kShown},
#define SETTING_TEXT(name, value, check, holds, effect, protects, shown, description) \
    {"pganalytics." #name, protects, shown},
#include "pg/base/settings.def"
};

}  // namespace

protocol::AuditKinds ChosenAuditKinds() { return audit_kinds; }

const SettingFacts* FindSetting(std::string_view name) {
    for (const SettingFacts& one : kFacts) {
        if (name.size() == strlen(one.name) &&
            pg_strncasecmp(name.data(), one.name, name.size()) == 0) {
            return &one;
        }
    }
    return nullptr;
}

void DefineSettings() {
#define SETTING_SWITCH(name, value, effect, protects, description)                              \
    DefineCustomBoolVariable("pganalytics." #name, description, nullptr, &settings.name, value, \
                             ContextOf(effect), 0, nullptr, nullptr, nullptr);
#define SETTING_NUMBER(name, value, least, greatest, effect, protects, description) \
    DefineInt("pganalytics." #name, description, &settings.name, value, least, greatest, effect, 0);
#define SETTING_QUANTITY(name, unit, value, least, greatest, effect, protects, description)       \
    DefineInt("pganalytics." #name, description, &settings.name##_##unit, value, least, greatest, \
              effect, kUnit_##unit);
#define SETTING_SHARE(name, value, least, greatest, effect, protects, description)              \
    DefineCustomRealVariable("pganalytics." #name, description, nullptr, &settings.name, value, \
                             least, greatest, ContextOf(effect), 0, nullptr, nullptr, nullptr);
#define SETTING_CHOICE(name, choices, value, effect, protects, description)                   \
    DefineCustomEnumVariable("pganalytics." #name, description, nullptr, &settings.name,      \
                             static_cast<int>(value), choices, ContextOf(effect), 0, nullptr, \
                             nullptr, nullptr);
#define SETTING_TEXT(name, value, check, holds, effect, protects, shown, description) \
    DefineText("pganalytics." #name, description, &settings.name, value, check, effect, shown);
#include "pg/base/settings.def"
    MarkGUCPrefixReserved("pganalytics");
}

bool MakeCertificate() {
    return settings.ssl_cert_file[0] == '\0' && settings.ssl_key_file[0] == '\0';
}

const char* CertFile() { return MakeCertificate() ? kMadeCertFile : settings.ssl_cert_file; }
const char* KeyFile() { return MakeCertificate() ? kMadeKeyFile : settings.ssl_key_file; }

bool AuthorityIsGiven() { return settings.ca_key_file[0] != '\0'; }

bool IssuesToCollectors() { return settings.ssl_ca_file[0] == '\0' || AuthorityIsGiven(); }

const char* ClientAuthorityFile() {
    if (settings.mtls == static_cast<int>(protocol::Mtls::kOff)) return "";
    return settings.ssl_ca_file[0] != '\0' ? settings.ssl_ca_file : kMadeAuthorityFile;
}

const char* ServerAuthorityFile() {
    if (!MakeCertificate()) return CertFile();
    return AuthorityIsGiven() ? settings.ssl_ca_file : kMadeAuthorityFile;
}

}  // namespace pganalytics::pg
