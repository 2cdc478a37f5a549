// GUC: the settings pganalytics.*. settings.def is the table of them.
#pragma once

#include <string_view>

#include "pg/base/prelude.hpp"
#include "protocol/audit_kinds.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// IngestPath: how the worker inserts rows into a table (bulk.hpp). kAuto chooses one of the other
// paths by the properties of the table.
enum class IngestPath : int { kAuto, kDirect, kCopy, kSpi };

// AuditOverflow: what happens when the buffer of the audit log is full. kCount: the event is lost
// and counted. kRefuse: the action that would cause the event is refused.
enum class AuditOverflow : int { kCount, kRefuse };

// QueryTexts: what is stored of texts that may hold statements, whoever sends them. kMasked: the
// text without its constants. kNone: no text of a statement. kAsSent: the text as it was sent.
enum class QueryTexts : int { kMasked, kNone, kAsSent };

// Settings has one variable for each setting. PostgreSQL writes into it the value that is in force
// in this process. The name of a quantity ends in its unit. A choice holds a value of its enum.
struct Settings {
#define SETTING_SWITCH(name, ...) bool name;
#define SETTING_NUMBER(name, ...) int name;
#define SETTING_QUANTITY(name, unit, ...) int name##_##unit;
#define SETTING_SHARE(name, ...) double name;
#define SETTING_CHOICE(name, ...) int name;
#define SETTING_TEXT(name, ...) char* name;
#include "pg/base/settings.def"
};
extern Settings settings;

// Protects, Shown and SettingFacts are the columns of settings.def that code outside of guc.cpp
// needs. settings.def explains them.
enum class Protects : int { kOrdinary, kProtects };
enum class Shown : int { kShown, kSecret };
struct SettingFacts {
    const char* name;  // with the prefix "pganalytics."
    Protects protects;
    Shown shown;
};

// ChosenAuditKinds is the set of kinds that pganalytics.audit_kinds names.
protocol::AuditKinds ChosenAuditKinds();

// FindSetting returns the facts of the setting with this full name. It ignores case. It returns
// nullptr if pganalytics has no such setting.
const SettingFacts* FindSetting(std::string_view name);

// These are the names of the files that pganalytics generates in the data directory if none are
// configured.
inline constexpr char kMadeAuthorityFile[] = "pganalytics_ca.crt";
inline constexpr char kMadeCertFile[] = "pganalytics_server.crt";
inline constexpr char kMadeKeyFile[] = "pganalytics_server.key";

inline constexpr int kMaxIngestWorkers = 32;
inline constexpr int kMaxListenAddresses = 8;

// DefineSettings registers every setting. _PG_init calls it once. PostgreSQL accepts settings that
// need a restart only from libraries in shared_preload_libraries. If the library is loaded later,
// DefineSettings registers them as reloadable. They can then be shown, but have no effect.
void DefineSettings();

// MakeCertificate: neither a certificate file nor a key file is configured, so pganalytics
// generates both. CertFile and KeyFile return the configured paths, or else those of the generated
// files.
bool MakeCertificate();
const char* CertFile();
const char* KeyFile();

// AuthorityIsGiven: an administrator has configured the authority's key (ca_key_file).
// IssuesToCollectors: this server issues certificates to collectors. This is false if ssl_ca_file
// is set without ca_key_file, because then somebody else has the authority's key.
bool AuthorityIsGiven();
bool IssuesToCollectors();

// ClientAuthorityFile returns the path of the CA certificates by which gateways verify collectors.
// If mtls is off, it returns "".
// ServerAuthorityFile returns the path of the certificates by which collectors verify this server.
// That is the server's own certificate file if one is configured, else the authority's file.
const char* ClientAuthorityFile();
const char* ServerAuthorityFile();

// SplitAddresses calls visit(address) for each comma-separated entry until visit returns false. It
// strips the spaces around an entry. Returns false if an entry is empty or longer than 255 bytes,
// or if visit returned false.
template <typename Visit>
bool SplitAddresses(const char* list, Visit&& visit) {
    const char* at = list;
    for (;;) {
        while (*at == ' ') ++at;
        const char* const begin = at;
        while (*at != '\0' && *at != ',') ++at;
        const char* end = at;
        while (end > begin && end[-1] == ' ') --end;
        char address[256];
        const auto length = static_cast<size_t>(end - begin);
        if (length == 0 || length >= sizeof(address)) return false;
        memcpy(address, begin, length);
        address[length] = '\0';
        if (!visit(static_cast<const char*>(address))) return false;
        if (*at == '\0') return true;
        ++at;
    }
}

}  // namespace pganalytics::pg
