// GUC: the settings pganalytics.*. settings.def is the table of them.
#pragma once

#include <string_view>

#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// How rows are written to their table; kAuto chooses by the properties of the table (bulk.hpp).
enum class IngestPath : int { kAuto, kDirect, kCopy, kSpi };

// What happens when the buffer of the audit log is full: the event is counted as lost, or the
// action itself is refused.
enum class AuditOverflow : int { kCount, kRefuse };

// Settings are the variables that PostgreSQL writes: each holds the value now in force in this
// process. The name of a quantity ends in its unit; a choice holds a value of its enum.
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

// The columns of settings.def that code outside of guc.cpp needs.
enum class Protects : int { kOrdinary, kProtects };
enum class Shown : int { kShown, kSecret };
struct SettingFacts {
    const char* name;  // with "pganalytics."
    Protects protects;
    Shown shown;
};

// FindSetting finds the facts of a setting by its full name, ignoring case; nullptr if the setting
// is not one of ours.
const SettingFacts* FindSetting(std::string_view name);

// Files that pganalytics generates in the data directory if none are configured.
inline constexpr char kMadeAuthorityFile[] = "pganalytics_ca.crt";
inline constexpr char kMadeCertFile[] = "pganalytics_server.crt";
inline constexpr char kMadeKeyFile[] = "pganalytics_server.key";

inline constexpr int kMaxIngestWorkers = 32;
inline constexpr int kMaxListenAddresses = 8;

// DefineSettings registers every setting. Called once, from _PG_init. Settings that need a restart
// can be defined only while shared_preload_libraries loads; if the library is loaded later, they
// are shown but do nothing.
void DefineSettings();

// CertFile and KeyFile return the configured files, else the generated ones. MakeCertificate:
// neither file is configured.
bool MakeCertificate();
const char* CertFile();
const char* KeyFile();

// AuthorityIsGiven: this server issues certificates with an administrator's key. IssuesToCollectors
// is false if ssl_ca_file alone is set: somebody else has its key.
bool AuthorityIsGiven();
bool IssuesToCollectors();

// ClientAuthorityFile names the file of the authorities that verify collectors' certificates, ""
// with mtls = off. ServerAuthorityFile names the file with which collectors verify the server. For
// a configured server certificate that is its own chain.
const char* ClientAuthorityFile();
const char* ServerAuthorityFile();

// SplitAddresses calls visit(address) for each comma-separated entry, trimmed, until visit returns
// false. Returns false if an entry is empty or longer than 255 bytes, or if visit did.
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
