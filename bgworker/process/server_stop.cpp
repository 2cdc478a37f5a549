// Server stop: reads the postmaster's state from postmaster.pid, and the sessions from the PGPROC
// array.
#include "bgworker/process/server_stop.hpp"

#include "bgworker/process/worker.hpp"
#include "pg/base/compat.h"

extern "C" {
#include <fcntl.h>
#include <unistd.h>

#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/fd.h"
#include "storage/procarray.h"
#include "utils/pidfile.h"
}

namespace pganalytics::bgworker {
namespace {

bool IsWalSender(int pid) {
    for (int i = 0; i < max_wal_senders; ++i) {
        if (WalSndCtl->walsnds[i].pid == pid) return true;
    }
    return false;
}

bool AnySession() {
    for (int i = 0; i < MaxBackends; ++i) {
        // Read without a lock. A process that starts or ends meanwhile is seen by the next call.
        const PGPROC* const process = &ProcGlobal->allProcs[i];
        const int pid = process->pid;
        if (pid == 0 || pg::IsBackgroundWorker(*process) || !OidIsValid(process->databaseId))
            continue;
        // The slot of an ended process keeps its old content, so check that the process still
        // exists.
        if (BackendPidGetProc(pid) == process && !IsWalSender(pid)) return true;
    }
    return false;
}

}  // namespace

bool ServerIsStopping() {
    char text[2048];
    const int file = OpenTransientFile("postmaster.pid", O_RDONLY | PG_BINARY);
    if (file < 0) return false;
    const ssize_t length = read(file, text, sizeof(text) - 1);
    CloseTransientFile(file);
    if (length <= 0) return false;
    text[length] = '\0';
    const char* line = text;
    for (int i = 1; i < LOCK_FILE_LINE_PM_STATUS; ++i) {
        line = strchr(line, '\n');
        if (line == nullptr) return false;
        ++line;
    }
    return strncmp(line, PM_STATUS_STOPPING, strlen(PM_STATUS_STOPPING)) == 0;
}

bool OthersAreThere() {
    pg::WorkerStatus statuses[pg::kMaxWorkers];
    const int count = pg::CopyStatuses(statuses);
    for (int i = 0; i < count; ++i) {
        if (statuses[i].pid != 0 && statuses[i].pid != MyProcPid) return true;
    }
    return AnySession();
}

}  // namespace pganalytics::bgworker
