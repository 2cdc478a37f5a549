// GUC: the settings pganalytics.*. settings.def is the table of them.
#pragma once

#include <string_view>

#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// How rows reach their table; kAuto chooses by what the table is (bulk.hpp).
enum class IngestPath : int { kAuto, kDirect, kCopy, kSpi };

// What happens to an event when the buffer of the audit log is full: it is counted as lost, or what
// it tells of is refused.
enum class AuditOverflow : int { kCount, kRefuse };

// Settings are PostgreSQL's own variables: each holds the value now in force in this process. The
// member of a quantity ends in its unit; a choice holds a value of its enum.
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

// What settings.def says of a setting that others than guc.cpp must know.
enum class Protects : int { kOrdinary, kProtects };
enum class Shown : int { kShown, kSecret };
struct SettingFacts {
    const char* name;  // with "pganalytics."
    Protects protects;
    Shown shown;
};

// FindSetting gives the facts of a setting by its whole name in any case, nullptr if the name is
// not one of ours.
const SettingFacts* FindSetting(std::string_view name);

// Names of what is made in the data directory when nothing is configured.
inline constexpr char kMadeAuthorityFile[] = "pganalytics_ca.crt";
inline constexpr char kMadeCertFile[] = "pganalytics_server.crt";
inline constexpr char kMadeKeyFile[] = "pganalytics_server.key";

inline constexpr int kMaxIngestWorkers = 32;
inline constexpr int kMaxListenAddresses = 8;

// DefineSettings registers every setting. Called once, from _PG_init. Settings that need a restart
// can be defined only while shared_preload_libraries loads; in a library loaded later they are
// shown and do nothing.
void DefineSettings();

// CertFile and KeyFile: as configured, else the made ones. MakeCertificate: neither is configured.
bool MakeCertificate();
const char* CertFile();
const char* KeyFile();

// AuthorityIsGiven: certificates are issued here with an administrator's key. IssuesToCollectors:
// false when ssl_ca_file alone is set, whose key somebody else has.
bool AuthorityIsGiven();
bool IssuesToCollectors();

// ClientAuthorityFile has the authorities that collectors' certificates are verified against, ""
// with mtls = off. ServerAuthorityFile has what collectors verify the server with; of a given
// server certificate that is its own chain.
const char* ClientAuthorityFile();
const char* ServerAuthorityFile();

// SplitAddresses calls visit(address) for each comma-separated entry, trimmed, until it gives
// false. False if an entry is empty or longer than 255 bytes, or visit gave false.
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
