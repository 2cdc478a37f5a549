// Audit head: keeps the last row of the log outside of the log, in two forms. One is a text that
// people can keep and later pass to pganalytics.verify_audit_log(). The other is a file that
// outlives the server process.
#pragma once

#include "pg/audit/ring.hpp"

namespace pganalytics::pg {

inline constexpr char kAuditHeadFile[] = "pganalytics_audit_head";

// AuditAnchor is "number:hash in hexadecimal digits".
struct AuditAnchor {
    char text[96];
};
AuditAnchor AnchorOf(const AuditHead& head);

// ReadAuditHeadFile reads the head that WriteAuditHeadFile wrote last. It returns false if there is
// no file. If the file cannot be read, it logs a WARNING and returns false.
bool ReadAuditHeadFile(AuditHead* head);

// WriteAuditHeadFile replaces the file. A crash leaves either the old file or the new one. If
// writing fails, it logs a WARNING.
void WriteAuditHeadFile(const AuditHead& head);

}  // namespace pganalytics::pg
