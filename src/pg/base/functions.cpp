// Functions: the SQL functions about workers and files; sql/schema/workers.sql declares them.
#include "core/monotonic.hpp"
#include "pg/base/guc.hpp"
#include "pg/base/prelude.hpp"
#include "pg/base/shmem.hpp"

extern "C" {
#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include <unistd.h>
}

namespace pganalytics::pg {
namespace {

const char* NameOf(WorkerKind kind) {
    switch (kind) {
        case WorkerKind::kLauncher:
            return "launcher";
        case WorkerKind::kMaintenance:
            return "maintenance";
        case WorkerKind::kAudit:
            return "audit";
        case WorkerKind::kAlerts:
            return "alerts";
        case WorkerKind::kApi:
            return "api";
        case WorkerKind::kIngest:
            break;
    }
    return "ingest";
}

const char* NameOf(WorkerState state) {
    switch (state) {
        case WorkerState::kStopped:
            return "stopped";
        case WorkerState::kStarting:
            return "starting";
        case WorkerState::kWaiting:
            return "waiting";
        case WorkerState::kRunning:
            return "running";
        case WorkerState::kTerminating:
            break;
    }
    return "terminating";
}

bool IsWanted(const WorkerStatus& status) {
    if (status.kind == WorkerKind::kApi) return settings.api_port != 0;
    return status.kind != WorkerKind::kIngest || status.index < settings.ingest_workers;
}

// worker_states() has ten columns, then one for each counter, then the last error and its time.
constexpr int kWorkerColumns = 10 + static_cast<int>(protocol::kWorkerCounters) + 2;

void RequirePreload() {
    if (SharedMemoryReady()) return;
    ereport(
        ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
        errmsg("pganalytics is not loaded by shared_preload_libraries"),
        errhint("Add pganalytics to shared_preload_libraries in postgresql.conf and restart the "
                "server."));
}

// MsOf returns an interval in milliseconds. A month counts as 30 days. The result is at most a
// year, because nobody waits longer.
int64 MsOf(const Interval& interval) {
    constexpr double kLongestMs = 365.0 * 86400 * 1000;
    const double days = interval.month * 30.0 + interval.day;
    const double ms = days * 86400 * 1000 + static_cast<double>(interval.time) / 1000;
    return static_cast<int64>(Max(Min(ms, kLongestMs), 0.0));
}

bool AllServe(const WorkerStatus* statuses, int count) {
    for (int i = 0; i < count; ++i) {
        if (IsWanted(statuses[i]) && statuses[i].state != WorkerState::kRunning) return false;
    }
    return true;
}

// RequireThisDatabase raises ERROR 55000 if the workers will never serve this database, however
// long one waits.
void RequireThisDatabase() {
    const char* const here = get_database_name(MyDatabaseId);
    if (here != nullptr && strcmp(here, settings.database) != 0) {
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("pganalytics.database is \"%s\", but this database is \"%s\"",
                       settings.database, here),
                errhint("Set pganalytics.database to the database that has the extension, and "
                        "restart the server."));
    }
    if (GetDatabaseEncoding() != PG_UTF8) {
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("database \"%s\" has the encoding %s, and pganalytics needs UTF8",
                       settings.database, GetDatabaseEncodingName()),
                errhint("Create the database anew: createdb -E UTF8 -T template0."));
    }
}

// RaiseNotRunning raises ERROR 55000 that says why the workers do not serve. The worker that comes
// first in the array and has an error is the cause: the others wait for it, the launcher for none.
[[noreturn]] void RaiseNotRunning(const WorkerStatus* statuses, int count, int64 waited_ms) {
    const char* why = nullptr;
    StringInfoData detail;
    initStringInfo(&detail);
    for (int i = 0; i < count; ++i) {
        const WorkerStatus& one = statuses[i];
        if (!IsWanted(one)) continue;
        const bool has_error = one.last_error[0] != '\0';
        if (has_error && why == nullptr) why = one.last_error;
        if (one.state == WorkerState::kRunning && !has_error) continue;
        appendStringInfo(&detail, "%s%s %d is %s%s%s", detail.len == 0 ? "" : "\n",
                         NameOf(one.kind), one.index + 1, NameOf(one.state), has_error ? ": " : ".",
                         one.last_error);
    }
    if (why == nullptr) {
        why = RecoveryInProgress()
                  ? "the server is a standby, and the workers start when its recovery ends"
                  : psprintf("some workers have not started within %d s",
                             static_cast<int>(waited_ms / 1000));
    }
    ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
            errmsg("pganalytics does not serve: %s", why), errdetail_internal("%s", detail.data),
            errhint("See pganalytics.workers and the server log."));
    pg_unreachable();
}

// UrlAt returns the URL of this server at a port. Its host is the first of server_names. If
// server_names is empty, the host is localhost if the server listens only on localhost, and the
// machine's name otherwise.
text* UrlAt(int port) {
    char host[256] = "localhost";
    if (settings.server_names[0] != '\0') {
        SplitAddresses(settings.server_names, [&host](const char* name) {
            strlcpy(host, name, sizeof(host));
            return false;
        });
    } else if (strcmp(settings.listen_addresses, "localhost") != 0) {
        gethostname(host, sizeof(host) - 1);
    }
    const char* const form = strchr(host, ':') == nullptr ? "https://%s:%d" : "https://[%s]:%d";
    return cstring_to_text(psprintf(form, host, port));
}

}  // namespace
}  // namespace pganalytics::pg

extern "C" {

PG_FUNCTION_INFO_V1(pganalytics_preloaded);
PG_FUNCTION_INFO_V1(pganalytics_worker_states);
PG_FUNCTION_INFO_V1(pganalytics_worker_counters);
PG_FUNCTION_INFO_V1(pganalytics_wait_until_running);
PG_FUNCTION_INFO_V1(pganalytics_ca_certificate_file);
PG_FUNCTION_INFO_V1(pganalytics_server_url);
PG_FUNCTION_INFO_V1(pganalytics_people_url);

Datum pganalytics_preloaded(FunctionCallInfo) {
    PG_RETURN_BOOL(pganalytics::pg::SharedMemoryReady());
}

// pganalytics_worker_states returns a row for each worker that should run. It returns no rows if
// the library was not loaded by shared_preload_libraries.
Datum pganalytics_worker_states(PG_FUNCTION_ARGS) {
    using namespace pganalytics::pg;
    InitMaterializedSRF(fcinfo, 0);
    auto* const result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    // The library may be newer than the extension's SQL objects in this database.
    if (result->setDesc->natts != kWorkerColumns) {
        ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
                errmsg("pganalytics.worker_states() has other columns than its library"),
                errhint("Run ALTER EXTENSION pganalytics UPDATE."));
    }
    if (!SharedMemoryReady()) PG_RETURN_NULL();
    WorkerStatus statuses[kMaxWorkers];
    const int count = CopyStatuses(statuses);
    for (int i = 0; i < count; ++i) {
        const WorkerStatus& s = statuses[i];
        if (!IsWanted(s)) continue;
        Datum values[kWorkerColumns] = {};
        bool nulls[kWorkerColumns] = {};
        int column = 0;
        auto put = [&](Datum value, bool is_null = false) {
            values[column] = value;
            nulls[column++] = is_null;
        };
        put(CStringGetTextDatum(NameOf(s.kind)));
        put(Int32GetDatum(s.index + 1));
        put(Int32GetDatum(s.pid), s.pid == 0);
        put(Int32GetDatum(s.gateway_pid), s.gateway_pid == 0);
        put(CStringGetTextDatum(NameOf(s.state)));
        put(TimestampTzGetDatum(s.started_at), s.started_at == 0);
        put(TimestampTzGetDatum(s.reloaded_at), s.reloaded_at == 0);
        put(Int64GetDatum(Max(s.starts - 1, 0)));
        put(Int64GetDatum(Max(s.gateway_starts - 1, 0)));
        put(Int64GetDatum(s.connections));
        for (const int64 counter : s.counters) put(Int64GetDatum(counter));
        put(CStringGetTextDatum(s.last_error), s.last_error[0] == '\0');
        put(TimestampTzGetDatum(s.last_error_at), s.last_error_at == 0);
        Assert(column == kWorkerColumns);
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    PG_RETURN_NULL();
}

// pganalytics_worker_counters returns a row for each counter, in the order of the columns of
// worker_states().
Datum pganalytics_worker_counters(PG_FUNCTION_ARGS) {
    using namespace pganalytics;
    InitMaterializedSRF(fcinfo, 0);
    auto* const result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (const protocol::WorkerCounterFacts& counter : protocol::kWorkerCounterFacts) {
        Datum values[] = {CStringGetTextDatum(counter.name),
                          CStringGetTextDatum(counter.of_gateway ? "gateway" : "worker"),
                          CStringGetTextDatum(counter.metric),
                          CStringGetTextDatum(counter.meaning)};
        bool nulls[lengthof(values)] = {false, false, counter.metric[0] == '\0', false};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    PG_RETURN_NULL();
}

// pganalytics_wait_until_running returns true as soon as every worker is running and every ingest
// worker has a gateway that serves. ERROR 55000 with the reason if the given time passes first, and
// at once if the library was not loaded by shared_preload_libraries, if the workers serve another
// database, or if this database is not in UTF8.
Datum pganalytics_wait_until_running(PG_FUNCTION_ARGS) {
    using namespace pganalytics::pg;
    RequirePreload();
    RequireThisDatabase();
    const int64 limit_ms = MsOf(*PG_GETARG_INTERVAL_P(0));
    pganalytics::core::Timer deadline;
    deadline.Start(pganalytics::core::Instant::Now(), limit_ms);
    WorkerStatus statuses[kMaxWorkers];
    for (;;) {
        const int count = CopyStatuses(statuses);
        if (AllServe(statuses, count)) break;
        if (deadline.IsDue(pganalytics::core::Instant::Now())) {
            RaiseNotRunning(statuses, count, limit_ms);
        }
        WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 20, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
    PG_RETURN_BOOL(true);
}

// pganalytics_ca_certificate_file returns the path of the file with the certificates by which
// collectors verify this server (ServerAuthorityFile).
Datum pganalytics_ca_certificate_file(FunctionCallInfo) {
    PG_RETURN_TEXT_P(cstring_to_text(pganalytics::pg::ServerAuthorityFile()));
}

// pganalytics_server_url returns the URL at which collectors reach this server.
Datum pganalytics_server_url(FunctionCallInfo) {
    PG_RETURN_TEXT_P(pganalytics::pg::UrlAt(pganalytics::pg::settings.port));
}

// pganalytics_people_url returns the URL at which people reach this server, or NULL if it has no
// port for people.
Datum pganalytics_people_url(FunctionCallInfo fcinfo) {
    const int port = pganalytics::pg::settings.api_port;
    if (port == 0) PG_RETURN_NULL();
    PG_RETURN_TEXT_P(pganalytics::pg::UrlAt(port));
}

}  // extern "C"
