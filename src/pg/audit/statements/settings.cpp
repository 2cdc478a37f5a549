// Audit settings: recognises PostgreSQL's settings by lists, settings of other extensions by
// patterns, and those of pganalytics by settings.def.
#include "pg/audit/statements/settings.hpp"

#include "pg/base/guc.hpp"

namespace pganalytics::pg {
namespace {

constexpr std::string_view kMasked = "(masked)";

constexpr std::string_view kProtectingPrefixes[] = {
    "ssl", "krb_", "gss_", "pgaudit.", "sepgsql.",
};

constexpr std::string_view kProtecting[] = {
    "allow_alter_system",
    "allow_system_table_mods",
    "authentication_timeout",
    "createrole_self_grant",
    "db_user_namespace",
    "dynamic_library_path",
    "event_triggers",
    "extension_control_path",
    "hba_file",
    "ident_file",
    "jit_provider",
    "listen_addresses",
    "lo_compat_privileges",
    "local_preload_libraries",
    "log_connections",
    "log_destination",
    "log_directory",
    "log_disconnections",
    "log_file_mode",
    "log_filename",
    "log_line_prefix",
    "log_min_error_statement",
    "log_min_messages",
    "log_statement",
    "logging_collector",
    "oauth_validator_libraries",
    "password_encryption",
    "restrict_nonsystem_relation_kind",
    "role",
    "row_security",
    "scram_iterations",
    "session_preload_libraries",
    "session_replication_role",
    "shared_preload_libraries",
    "syslog_facility",
    "syslog_ident",
    "unix_socket_directories",
    "unix_socket_group",
    "unix_socket_permissions",
};

// The values of these settings are secrets. Shell commands can contain anything that their author
// has written, for example the credentials of an archive.
constexpr std::string_view kSecrets[] = {
    "archive_cleanup_command", "archive_command", "primary_conninfo",
    "recovery_end_command",    "restore_command", "ssl_passphrase_command",
};

constexpr std::string_view kSecretParts[] = {
    "password", "passwd", "passphrase", "secret", "token", "credential", "conninfo", "dsn", "key",
};

// These names look like names of secrets, but the values are not secret.
constexpr std::string_view kNoSecrets[] = {
    "krb_server_keyfile",
    "password_encryption",
    "ssl_key_file",
    "ssl_passphrase_command_supports_reload",
    "tcp_keepalives_count",
    "tcp_keepalives_idle",
    "tcp_keepalives_interval",
};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// StartsWith compares without regard to case, as guc.c compares names of settings. `part` is in
// lower case.
bool StartsWith(std::string_view text, std::string_view part) {
    if (text.size() < part.size()) return false;
    for (size_t i = 0; i < part.size(); ++i) {
        if (Lower(text[i]) != part[i]) return false;
    }
    return true;
}

bool Contains(std::string_view text, std::string_view part) {
    for (; text.size() >= part.size(); text.remove_prefix(1)) {
        if (StartsWith(text, part)) return true;
    }
    return false;
}

template <size_t kSize>
bool IsIn(const std::string_view (&names)[kSize], std::string_view name) {
    for (const std::string_view one : names) {
        if (name.size() == one.size() && StartsWith(name, one)) return true;
    }
    return false;
}

// IsUnknown: no library has defined the setting. Applications store values of their own in such
// settings.
bool IsUnknown(std::string_view name) {
    char text[256];
    if (name.find('.') == name.npos) return false;
    if (name.size() >= sizeof(text)) return true;  // no library has a name of that length
    memcpy(text, name.data(), name.size());
    text[name.size()] = '\0';
    const int flags = GetConfigOptionFlags(text, true);
    return (flags & GUC_CUSTOM_PLACEHOLDER) != 0 || GetConfigOption(text, true, false) == nullptr;
}

}  // namespace

bool ProtectsServer(std::string_view name) {
    if (const SettingFacts* const own = FindSetting(name)) {
        return own->protects == Protects::kProtects;
    }
    for (const std::string_view prefix : kProtectingPrefixes) {
        if (StartsWith(name, prefix)) return true;
    }
    return IsIn(kProtecting, name);
}

bool HoldsSecret(std::string_view name, std::string_view value) {
    const SettingFacts* const own = FindSetting(name);
    if (IsIn(kSecrets, name) || (own != nullptr && own->shown == Shown::kSecret)) return true;
    // Recognise "password = x" in a connection string, and a password in a URI
    // (scheme://user:password@host).
    if (Contains(value, "password") && value.find('=') != std::string_view::npos) return true;
    const size_t scheme = value.find("://");
    if (scheme != std::string_view::npos && value.find('@', scheme) != std::string_view::npos) {
        return true;
    }
    if (own != nullptr || IsIn(kNoSecrets, name)) return false;
    if (IsUnknown(name)) return true;
    for (const std::string_view part : kSecretParts) {
        if (Contains(name, part)) return true;
    }
    return false;
}

std::string_view AuditedValue(std::string_view name, std::string_view value) {
    return HoldsSecret(name, value) ? kMasked : value;
}

}  // namespace pganalytics::pg
