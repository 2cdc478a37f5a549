// Audit head: the file has one line, "database table time number:hash".
#include "pg/audit/head.hpp"

#include "core/hex.hpp"

extern "C" {
#include <fcntl.h>
#include <unistd.h>

#include "common/file_perm.h"
#include "storage/fd.h"
}

namespace pganalytics::pg {
namespace {

constexpr char kTemporaryFile[] = "pganalytics_audit_head.tmp";
constexpr size_t kHexDigits = 2 * sizeof(core::Sha256::bytes);

void WarnOfFile(const char* what) {
    ereport(WARNING, errcode_for_file_access(),
            errmsg("could not %s file \"%s\": %m", what, kAuditHeadFile));
}

}  // namespace

AuditAnchor AnchorOf(const AuditHead& head) {
    AuditAnchor anchor;
    const int used =
        pg_snprintf(anchor.text, sizeof(anchor.text), "%lld:", static_cast<long long>(head.id));
    *core::WriteHex(head.hash.bytes, sizeof(head.hash.bytes), anchor.text + used) = '\0';
    return anchor;
}

bool ReadAuditHeadFile(AuditHead* head) {
    const int file = OpenTransientFile(kAuditHeadFile, O_RDONLY | PG_BINARY);
    if (file < 0) {
        if (errno != ENOENT) WarnOfFile("open");
        return false;
    }
    char line[256];
    const ssize_t length = read(file, line, sizeof(line) - 1);
    CloseTransientFile(file);
    if (length < 0) {
        WarnOfFile("read");
        return false;
    }
    line[length] = '\0';
    long long recorded_at = 0;
    long long id = 0;
    char digits[kHexDigits + 1] = "";
    *head = {};
    if (sscanf(line, "%u %u %lld %lld:%64[0-9a-f]", &head->database, &head->log, &recorded_at, &id,
               digits) != 5 ||
        strlen(digits) != kHexDigits || id < 0) {
        ereport(WARNING, errcode(ERRCODE_DATA_CORRUPTED),
                errmsg("file \"%s\" is not what the audit worker writes", kAuditHeadFile));
        return false;
    }
    head->recorded_at = recorded_at;
    head->id = id;
    for (size_t i = 0; i < sizeof(head->hash.bytes); ++i) {
        head->hash.bytes[i] = static_cast<unsigned char>(core::HexByte(digits + 2 * i));
    }
    return true;
}

void WriteAuditHeadFile(const AuditHead& head) {
    char line[256];
    const int length = pg_snprintf(line, sizeof(line), "%u %u %lld %s\n", head.database, head.log,
                                   static_cast<long long>(head.recorded_at), AnchorOf(head).text);
    const int file = OpenTransientFilePerm(kTemporaryFile, O_WRONLY | O_CREAT | O_TRUNC | PG_BINARY,
                                           pg_file_create_mode);
    if (file < 0) return WarnOfFile("create");
    const bool written = write(file, line, static_cast<size_t>(length)) == length;
    if (!written && errno == 0) errno = ENOSPC;
    if (!written) WarnOfFile("write");
    CloseTransientFile(file);
    // durable_rename flushes the file, renames it and flushes the directory.
    if (written) (void)durable_rename(kTemporaryFile, kAuditHeadFile, WARNING);
}

}  // namespace pganalytics::pg
