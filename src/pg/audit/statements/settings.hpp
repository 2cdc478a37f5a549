// Audit settings: tells which settings of PostgreSQL protect the server, and which values are
// secrets.
#pragma once

#include <string_view>

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// ProtectsServer: a change of the setting is recorded as security.configured.
// docs/reference/audit_sessions.md lists PostgreSQL's settings of this kind,
// docs/reference/settings.md those of pganalytics.
bool ProtectsServer(std::string_view name);

// HoldsSecret: the value must not be written anywhere, because the setting's name says that it is a
// secret, or because the value looks like a connection string with a password.
bool HoldsSecret(std::string_view name, std::string_view value);

// AuditedValue returns the value as the audit log may show it: "(masked)" if it is a secret.
std::string_view AuditedValue(std::string_view name, std::string_view value);

}  // namespace pganalytics::pg
