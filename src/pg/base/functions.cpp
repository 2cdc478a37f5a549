// Functions: the SQL functions about workers and files; sql/schema/workers.sql declares them.
#include "core/monotonic.hpp"
#include "pg/base/guc.hpp"
#include "pg/base/prelude.hpp"
#include "pg/base/shmem.hpp"

extern "C" {
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

void RequirePreload() {
    if (SharedMemoryReady()) return;
    ereport(
        ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
        errmsg("pganalytics is not loaded by shared_preload_libraries"),
        errhint("Add pganalytics to shared_preload_libraries in postgresql.conf and restart the "
                "server."));
}

// MsOf is the length of an interval with months of 30 days, at most a year: nobody waits longer.
int64 MsOf(const Interval& interval) {
    constexpr double kLongestMs = 365.0 * 86400 * 1000;
    const double days = interval.month * 30.0 + interval.day;
    const double ms = days * 86400 * 1000 + static_cast<double>(interval.time) / 1000;
    return static_cast<int64>(Max(Min(ms, kLongestMs), 0.0));
}

bool AllServe() {
    WorkerStatus statuses[kMaxWorkers];
    const int count = CopyStatuses(statuses);
    for (int i = 0; i < count; ++i) {
        if (IsWanted(statuses[i]) && statuses[i].state != WorkerState::kRunning) return false;
    }
    return true;
}

}  // namespace
}  // namespace pganalytics::pg

extern "C" {

PG_FUNCTION_INFO_V1(pganalytics_preloaded);
PG_FUNCTION_INFO_V1(pganalytics_worker_states);
PG_FUNCTION_INFO_V1(pganalytics_wait_until_running);
PG_FUNCTION_INFO_V1(pganalytics_ca_certificate_file);
PG_FUNCTION_INFO_V1(pganalytics_server_url);

Datum pganalytics_preloaded(FunctionCallInfo) {
    PG_RETURN_BOOL(pganalytics::pg::SharedMemoryReady());
}

// A row per worker that should run; none without shared_preload_libraries.
Datum pganalytics_worker_states(PG_FUNCTION_ARGS) {
    using namespace pganalytics::pg;
    InitMaterializedSRF(fcinfo, 0);
    auto* const result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    if (!SharedMemoryReady()) PG_RETURN_NULL();
    WorkerStatus statuses[kMaxWorkers];
    const int count = CopyStatuses(statuses);
    for (int i = 0; i < count; ++i) {
        const WorkerStatus& s = statuses[i];
        if (!IsWanted(s)) continue;
        Datum values[] = {CStringGetTextDatum(NameOf(s.kind)),
                          Int32GetDatum(s.index + 1),
                          Int32GetDatum(s.pid),
                          Int32GetDatum(s.gateway_pid),
                          CStringGetTextDatum(NameOf(s.state)),
                          TimestampTzGetDatum(s.started_at),
                          Int64GetDatum(Max(s.starts - 1, 0)),
                          Int64GetDatum(Max(s.gateway_starts - 1, 0)),
                          Int64GetDatum(s.connections),
                          Int64GetDatum(s.commits),
                          Int64GetDatum(s.pushes),
                          Int64GetDatum(s.duplicates),
                          Int64GetDatum(s.rejected),
                          Int64GetDatum(s.rows),
                          Int64GetDatum(s.observed),
                          Int64GetDatum(s.unchanged),
                          Int64GetDatum(s.merged),
                          Int64GetDatum(s.discarded[0]),
                          Int64GetDatum(s.discarded[1]),
                          Int64GetDatum(s.discarded[2]),
                          Int64GetDatum(s.accepted),
                          Int64GetDatum(s.requests),
                          Int64GetDatum(s.refused),
                          Int64GetDatum(s.handshakes_failed),
                          Int64GetDatum(s.deadlines),
                          Int64GetDatum(s.evictions),
                          Int64GetDatum(s.times_full),
                          Int64GetDatum(s.rate_limited),
                          CStringGetTextDatum(s.last_error),
                          TimestampTzGetDatum(s.last_error_at)};
        bool nulls[lengthof(values)] = {};
        nulls[2] = s.pid == 0;
        nulls[3] = s.gateway_pid == 0;
        nulls[5] = s.started_at == 0;
        nulls[28] = s.last_error[0] == '\0';
        nulls[29] = s.last_error_at == 0;
        static_assert(lengthof(values) == 30 && lengthof(s.discarded) == 3);
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    PG_RETURN_NULL();
}

// True as soon as every worker runs and every ingest worker has a gateway that serves; false after
// the time given. Errors: 55000 without shared_preload_libraries.
Datum pganalytics_wait_until_running(PG_FUNCTION_ARGS) {
    using namespace pganalytics::pg;
    RequirePreload();
    pganalytics::core::Timer deadline;
    deadline.Start(pganalytics::core::Instant::Now(), MsOf(*PG_GETARG_INTERVAL_P(0)));
    while (!AllServe()) {
        if (deadline.IsDue(pganalytics::core::Instant::Now())) PG_RETURN_BOOL(false);
        WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 20, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
    PG_RETURN_BOOL(true);
}

// Where the certificates are that verify the server: as configured, else the made authority.
Datum pganalytics_ca_certificate_file(FunctionCallInfo) {
    PG_RETURN_TEXT_P(cstring_to_text(pganalytics::pg::ServerAuthorityFile()));
}

// Where collectors reach this server, as far as the server can know.
Datum pganalytics_server_url(FunctionCallInfo) {
    using namespace pganalytics::pg;
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
    PG_RETURN_TEXT_P(cstring_to_text(psprintf(form, host, settings.port)));
}

}  // extern "C"
