// Audit head: where the log ends, in the forms that are kept outside of it: a text that whoever
// keeps it can give to pganalytics.verify_audit_log(), and a file that survives the server.
#pragma once

#include "pg/audit/ring.hpp"

namespace pganalytics::pg {

inline constexpr char kAuditHeadFile[] = "pganalytics_audit_head";

// AuditAnchor is "number:hash in hexadecimal digits".
struct AuditAnchor {
    char text[96];
};
AuditAnchor AnchorOf(const AuditHead& head);

// ReadAuditHeadFile gives what was last written. False if there is no file, or none that can be
// read, of which it warns.
bool ReadAuditHeadFile(AuditHead* head);

// WriteAuditHeadFile replaces the file; a crash leaves the old one or the new one. Warns if it
// fails.
void WriteAuditHeadFile(const AuditHead& head);

}  // namespace pganalytics::pg
