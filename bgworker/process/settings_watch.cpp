// Settings watch: compares two lists of names and values, sorted by name.
#include "bgworker/process/settings_watch.hpp"

#include "pg/audit/record.hpp"
#include "pg/audit/statements/settings.hpp"
#include "pg/base/compat.h"
#include "pg/base/session.hpp"

extern "C" {
#include <fcntl.h>
#include <unistd.h>

#include "common/file_perm.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "storage/fd.h"
#include "utils/guc_tables.h"
}

namespace pganalytics::bgworker {
namespace {

constexpr char kFile[] = "pganalytics_settings";
constexpr char kTemporaryFile[] = "pganalytics_settings.tmp";
constexpr char kSeed[] = "seed";
// The first byte of a hashed secret. No setting in a file can contain this byte.
constexpr char kHidden = '\x01';

struct Setting {
    const char* name;
    const char* value;
};

// Moment holds all settings at one time, and the memory that they are in.
struct Moment {
    MemoryContext memory;
    Setting* list;
    int count;
};

Moment last = {nullptr, nullptr, 0};
uint64 seed = 0;

// CanChange: a configuration file or the command line can set the variable. All other variables
// describe the server or a transaction.
bool CanChange(const config_generic& variable) {
    return variable.context != PGC_INTERNAL && (variable.flags & GUC_DISALLOW_IN_FILE) == 0;
}

// ValueOf returns the value to compare and to write to the file. For a secret, it returns a hash
// with this server's seed instead.
char* ValueOf(const char* name) {
    char* const value = GetConfigOptionByName(name, nullptr, true);
    if (value == nullptr) return pstrdup("");
    if (value[0] == '\0' || !pg::HoldsSecret(name, value)) return value;
    const auto* const bytes = reinterpret_cast<const unsigned char*>(value);
    const uint64 hash = hash_bytes_extended(bytes, static_cast<int>(strlen(value)), seed);
    return psprintf("%c%016llx", kHidden, static_cast<unsigned long long>(hash));
}

std::string_view ShownValue(const char* value) {
    return value[0] == kHidden ? std::string_view("(masked)") : std::string_view(value);
}

Moment NewMoment() {
    return {AllocSetContextCreate(TopMemoryContext, "pganalytics settings", ALLOCSET_DEFAULT_SIZES),
            nullptr, 0};
}

// ReadCurrent reads the current settings. ERROR if a value cannot be shown. REQUIRES: a transaction
// is open.
void ReadCurrent(Moment* moment) {
    MemoryContext const caller = MemoryContextSwitchTo(moment->memory);
    int count = 0;
    config_generic** const variables = pg::ConfigVariables(&count);
    moment->list = static_cast<Setting*>(palloc(sizeof(Setting) * static_cast<size_t>(count)));
    for (int i = 0; i < count; ++i) {
        if (!CanChange(*variables[i])) continue;
        moment->list[moment->count++] = {pstrdup(variables[i]->name), ValueOf(variables[i]->name)};
    }
    MemoryContextSwitchTo(caller);
}

// NextLine takes a line off `text`, removes its escapes, and splits it at its first '='. It returns
// false at the end of the text and for a line without '='.
bool NextLine(char** text, Setting* setting) {
    char* at = *text;
    if (*at == '\0') return false;
    char* out = at;
    setting->name = at;
    setting->value = nullptr;
    for (; *at != '\0' && *at != '\n'; ++at) {
        if (*at == '=' && setting->value == nullptr) {
            *out++ = '\0';
            setting->value = out;
        } else if (*at == '\\' && at[1] != '\0') {
            ++at;
            *out++ = *at == 'n' ? '\n' : *at;
        } else {
            *out++ = *at;
        }
    }
    *text = *at == '\0' ? at : at + 1;
    *out = '\0';
    return setting->value != nullptr;
}

// ReadFile reads the settings that were in force before the restart. If there is no file, it leaves
// *moment empty.
void ReadFile(Moment* moment) {
    const int file = OpenTransientFile(kFile, O_RDONLY | PG_BINARY);
    if (file < 0) {
        if (errno != ENOENT) {
            ereport(WARNING, errcode_for_file_access(),
                    errmsg("could not open file \"%s\": %m", kFile));
        }
        return;
    }
    MemoryContext const caller = MemoryContextSwitchTo(moment->memory);
    StringInfoData text;
    initStringInfo(&text);
    char block[8192];
    for (;;) {
        const ssize_t length = read(file, block, sizeof(block));
        if (length <= 0) break;
        appendBinaryStringInfo(&text, block, static_cast<int>(length));
    }
    CloseTransientFile(file);
    int lines = 0;
    for (const char* c = text.data; *c != '\0'; ++c) lines += *c == '\n';
    moment->list = static_cast<Setting*>(palloc(sizeof(Setting) * static_cast<size_t>(lines + 1)));
    char* rest = text.data;
    Setting setting;
    while (NextLine(&rest, &setting)) {
        if (strcmp(setting.name, kSeed) == 0) {
            seed = strtoull(setting.value, nullptr, 16);
        } else {
            moment->list[moment->count++] = setting;
        }
    }
    MemoryContextSwitchTo(caller);
}

void AppendEscaped(StringInfo out, const char* text) {
    for (; *text != '\0'; ++text) {
        if (*text == '\n' || *text == '\\') appendStringInfoChar(out, '\\');
        appendStringInfoChar(out, *text == '\n' ? 'n' : *text);
    }
}

void WriteFile(const Moment& moment) {
    StringInfoData text;
    initStringInfo(&text);
    appendStringInfo(&text, "%s=%llx\n", kSeed, static_cast<unsigned long long>(seed));
    for (int i = 0; i < moment.count; ++i) {
        appendStringInfo(&text, "%s=", moment.list[i].name);
        AppendEscaped(&text, moment.list[i].value);
        appendStringInfoChar(&text, '\n');
    }
    const int file = OpenTransientFilePerm(kTemporaryFile, O_WRONLY | O_CREAT | O_TRUNC | PG_BINARY,
                                           pg_file_create_mode);
    bool written = false;
    if (file >= 0) {
        written = write(file, text.data, static_cast<size_t>(text.len)) == text.len;
        CloseTransientFile(file);
    }
    if (written) {
        (void)durable_rename(kTemporaryFile, kFile, WARNING);
    } else {
        ereport(WARNING, errcode_for_file_access(),
                errmsg("could not write file \"%s\": %m", kTemporaryFile));
    }
    pfree(text.data);
}

void RecordChange(const Setting& before, const Setting& now, bool at_start) {
    pg::AuditRecord record;
    pg::BeginAudit(&record, pg::ProtectsServer(now.name) ? protocol::AuditEvent::kSecurityConfigured
                                                         : protocol::AuditEvent::kSettingReloaded);
    pg::SetAuditResource(&record, "setting", now.name);
    pg::AddAuditDetail(&record, "old", ShownValue(before.value));
    pg::AddAuditDetail(&record, "new", ShownValue(now.value));
    pg::AddAuditDetail(&record, "at", at_start ? "start" : "reload");
    pg::PutAuditRecord(record);
}

// RecordDifferences returns true if the two lists differ. If `record` is true, it also records each
// setting whose value differs. It records no setting that only one list has. Such a setting belongs
// either to an application, or to a library that was added or removed; the change of
// shared_preload_libraries is then on record.
bool RecordDifferences(const Moment& before, const Moment& now, bool at_start, bool record) {
    bool differs = before.count != now.count;
    for (int i = 0, j = 0; i < before.count && j < now.count;) {
        const int order = pg_strcasecmp(before.list[i].name, now.list[j].name);
        if (order == 0 && strcmp(before.list[i].value, now.list[j].value) != 0) {
            if (record) RecordChange(before.list[i], now.list[j], at_start);
            differs = true;
        }
        i += order <= 0 ? 1 : 0;
        j += order >= 0 ? 1 : 0;
    }
    return differs;
}

// WasOn: pganalytics.audit was on at `moment`. The caller asks this so that a reload that turns
// auditing off is still recorded.
bool WasOn(const Moment& moment) {
    for (int i = 0; i < moment.count; ++i) {
        if (strcmp(moment.list[i].name, "pganalytics.audit") == 0) {
            return strcmp(moment.list[i].value, "on") == 0;
        }
    }
    return false;
}

}  // namespace

void RecordSettingChanges() {
    const bool at_start = last.memory == nullptr;
    if (at_start) {
        last = NewMoment();
        ReadFile(&last);
        if (seed == 0 && !pg_strong_random(&seed, sizeof(seed))) seed = 1;
    }
    Moment now = NewMoment();
    ErrorData* const error = pg::Transact([&now] { ReadCurrent(&now); });
    if (error != nullptr) {
        ereport(WARNING, errcode(error->sqlerrcode),
                errmsg("could not compare the settings: %s", error->message));
        FreeErrorData(error);
        MemoryContextDelete(now.memory);
        return;
    }
    const bool record = pg::Auditing() || WasOn(last);
    if (RecordDifferences(last, now, at_start, record)) WriteFile(now);
    MemoryContextDelete(last.memory);
    last = now;
}

}  // namespace pganalytics::bgworker
