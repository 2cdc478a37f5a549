// Supervisor: starts, replaces and ends gateways.
#include "bgworker/process/supervisor.hpp"

#include "bgworker/process/gateway_config.hpp"
#include "bgworker/process/program.hpp"
#include "bgworker/process/worker.hpp"
#include "core/utf8.hpp"
#include "pg/audit/refusals.hpp"
#include "pg/base/compat.h"
#include "pg/base/trouble.hpp"
#include "pg/identity/identity_state.hpp"
#include "pg/identity/rate_limits.hpp"

extern "C" {
#include <sys/wait.h>
}

namespace pganalytics::bgworker {
namespace {

constexpr int64 kYoungMs = 5000;
constexpr int64 kStartTimeoutMs = 30000;
constexpr int64 kLeaveMs = 400;

Supervisor* own_supervisor = nullptr;

Gateway* Find(Supervisor* supervisor, GatewayState state) {
    for (Gateway& gateway : supervisor->gateways) {
        if (gateway.state == state) return &gateway;
    }
    return nullptr;
}

void ShowGateway(Supervisor* supervisor, pid_t pid) {
    pg::UpdateStatus(supervisor->status, [pid](pg::WorkerStatus* s) {
        s->gateway_pid = pid;
        s->state = pid == 0 ? pg::WorkerState::kStarting : pg::WorkerState::kRunning;
        if (pid == 0) s->connections = 0;
    });
}

// ShowFiles shows the maintenance worker the version of the oldest files that a gateway may still
// use. A starting gateway counts too, because it will serve with the files that it has read.
void ShowFiles(Supervisor* supervisor) {
    uint64 oldest = 0;
    for (const Gateway& gateway : supervisor->gateways) {
        if (gateway.state == GatewayState::kNone || gateway.state == GatewayState::kClosed) {
            continue;
        }
        if (oldest == 0 || gateway.pki_version < oldest) oldest = gateway.pki_version;
    }
    pg::ShowPki(supervisor->status, oldest);
}

void Remove(Supervisor* supervisor, Gateway* gateway) {
    CloseChannel(&gateway->channel);
    *gateway = {};
    supervisor->events_stale = true;
    ShowFiles(supervisor);
}

// IsStale: the files have changed since the serving gateway read them.
bool IsStale(const Supervisor& supervisor) { return supervisor.pki_version != pg::PkiVersion(); }

constexpr char kTopic[] = "gateway";

protocol::GatewayConfig CurrentConfig(const Supervisor& supervisor) {
    return ConfigOf(supervisor.role, supervisor.listeners.count);
}

uint64 Fingerprint(const protocol::GatewayConfig& config) {
    return FingerprintOf(protocol::FrameType::kConfig, config,
                         {config.cert_file, config.key_file, config.ca_file, config.crl_file});
}

static_assert(kMaxListeners + 1 <= kMaxProgramFds);

void Start(Supervisor* supervisor) {
    Gateway* gateway = Find(supervisor, GatewayState::kNone);
    if (gateway == nullptr) {
        // Exiting gateways have taken every slot: kill one of them, if possible one that is closed.
        gateway = Find(supervisor, GatewayState::kClosed);
        if (gateway == nullptr) gateway = Find(supervisor, GatewayState::kDraining);
        KillProgram(gateway->pid);
        Remove(supervisor, gateway);
    }
    int fd = -1;
    // Pass the listening sockets, then the shared memory of rate limits.
    int fds[kMaxListeners + 1];
    int count = supervisor->listeners.count;
    memcpy(fds, supervisor->listeners.fds, sizeof(int) * static_cast<size_t>(count));
    if (pg::RequestRatesFd() >= 0) fds[count++] = pg::RequestRatesFd();
    const pid_t pid = StartProgram(kGatewayProgram, fds, count, &fd);
    if (pid == 0) {
        pg::ReportTrouble(supervisor->status, kTopic, ERRCODE_SYSTEM_ERROR,
                          "could not start a gateway: %s", pg_strerror(errno));
        supervisor->backoff.Fail(Now());
        return;
    }
    supervisor->reload_wanted = false;
    if (supervisor->status->state == pg::WorkerState::kWaiting) {
        pg::SetState(supervisor->status, pg::WorkerState::kStarting);
    }
    Move(gateway, GatewayState::kNone, GatewayState::kStarting);
    gateway->pid = pid;
    gateway->started_at = Now();
    gateway->pki_version = pg::PkiVersion();
    ShowFiles(supervisor);
    OpenChannel(&gateway->channel, fd);
    const protocol::GatewayConfig config = CurrentConfig(*supervisor);
    gateway->fingerprint = Fingerprint(config);
    Send(&gateway->channel, protocol::FrameType::kConfig, 0, config);
    Flush(&gateway->channel);
    // A gateway that takes the place of one that serves is no restart.
    if (Find(supervisor, GatewayState::kServing) == nullptr) {
        pg::UpdateStatus(supervisor->status, [](pg::WorkerStatus* s) { ++s->gateway_starts; });
    }
    supervisor->events_stale = true;
}

void LetLeave(Supervisor* supervisor, Gateway* gateway) {
    if (!Move(gateway, GatewayState::kServing, GatewayState::kDraining)) return;
    const long grace_ms = pg::settings.connection_lifetime_s * 1000L;
    protocol::Drain drain;
    drain.grace_ms = static_cast<uint32_t>(grace_ms);
    Send(&gateway->channel, protocol::FrameType::kDrain, 0, drain);
    Flush(&gateway->channel);
    gateway->leave_by.Start(Now(), grace_ms + 1000);
    supervisor->events_stale = true;
}

void OnReady(Supervisor* supervisor, Gateway* gateway, const protocol::Ready& ready) {
    Gateway* const old = Find(supervisor, GatewayState::kServing);
    if (!Move(gateway, GatewayState::kStarting, GatewayState::kServing)) return;
    supervisor->pki_version = gateway->pki_version;
    if (old != nullptr) LetLeave(supervisor, old);
    ShowGateway(supervisor, gateway->pid);
    pg::EndTrouble(supervisor->status, kTopic);
    if (!supervisor->reload_wanted) ShowReloaded(supervisor->status);
    const auto fingerprint = static_cast<int>(ready.certificate_sha256.size());
    ereport(
        LOG,
        errmsg("pganalytics gateway %d serves port %d%s", gateway->pid, PortOf(supervisor->role),
               ready.sandboxed != 0 ? "" : ", without a sandbox on this platform"),
        errdetail("The certificate's SHA-256 fingerprint is %.*s.", fingerprint,
                  ready.certificate_sha256.data()));
    pgstat_report_activity(STATE_IDLE, "ready");
}

// OnFailed ends a gateway that could not start. The old gateway, if there is one, keeps serving.
// The next start waits for the back-off.
void OnFailed(Supervisor* supervisor, Gateway* gateway, std::string_view message) {
    const bool first = pg::ShowTrouble(supervisor->status, kTopic, "%.*s",
                                       static_cast<int>(message.size()), message.data()) ||
                       supervisor->backoff.failures() == 0;
    const bool old_serves = Find(supervisor, GatewayState::kServing) != nullptr;
    // Warn after every failed reload of an administrator, but warn only once of failed automatic
    // retries.
    if (first || (old_serves && !IsStale(*supervisor))) {
        ereport(WARNING, errcode(ERRCODE_CONFIG_FILE_ERROR),
                errmsg("pganalytics gateway could not start: %s", supervisor->status->last_error),
                old_serves ? errhint("The gateway with the old settings goes on; mend the settings "
                                     "and reload.")
                           : errhint("Nobody is served until the settings are mended."));
    }
    KillProgram(gateway->pid);
    Remove(supervisor, gateway);
    supervisor->backoff.Fail(Now());
}

// End kills a gateway, reaps it and plans the next start. It kills before it waits: if a gateway
// had only closed its socket, waiting for its end would block.
void End(Supervisor* supervisor, Gateway* gateway, const char* why) {
    const GatewayState was = gateway->state;
    const bool was_leaving = IsLeaving(*gateway);
    const bool was_gone = gateway->is_gone;
    const pid_t pid = gateway->pid;
    const bool young = Now().MsSince(gateway->started_at) < kYoungMs;
    char end[128];
    const int wait_status = KillProgram(pid);
    DescribeEnd(kGatewayProgram, wait_status, end, sizeof(end));
    // If the gateway was not gone, KillProgram has killed it, for a failure of the gateway.
    const bool was_killed = was_gone && WasKilled(wait_status);
    Remove(supervisor, gateway);
    if (was_leaving) return;
    if (was == GatewayState::kServing) ShowGateway(supervisor, 0);
    char text[256];
    pg_snprintf(text, sizeof(text), "gateway %d %s; it %s", pid, why, end);
    pg::ShowTrouble(supervisor->status, kTopic, "%s", text);
    // Warn only of the first failure in a row. The later ones would add a line to the log every few
    // seconds.
    const bool first = supervisor->backoff.failures() == 0 && supervisor->kills.failures() == 0;
    ereport(first ? WARNING : DEBUG1, errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
            errmsg("pganalytics %s", text), errdetail("Another one is started."));
    // The gateway ended without a Failed frame, so its settings may be good: try the reloaded
    // settings again.
    if (was == GatewayState::kStarting) supervisor->reload_wanted = true;
    if (was_killed && (was == GatewayState::kStarting || young)) {
        supervisor->kills.Fail(Now());
    } else if (was == GatewayState::kStarting || young) {
        supervisor->backoff.Fail(Now());
    } else {
        supervisor->backoff.Reset();
        supervisor->kills.Reset();
    }
}

void AtExit(int, Datum) {
    for (Gateway& gateway : own_supervisor->gateways) {
        if (gateway.state != GatewayState::kNone) KillProgram(gateway.pid);
    }
}

// TakeLastWords is called when the worker stops. It reads the last frames of a gateway and counts
// the refusals in them. It does not handle requests.
void TakeLastWords(Supervisor* supervisor, Gateway* gateway) {
    Frame frame;
    bool broken = false;
    do {
        while (NextFrame(&gateway->channel, &frame, &broken)) {
            if (frame.header.type == protocol::FrameType::kRefused) {
                HandleControl(supervisor, gateway, frame);
            }
        }
        Release(&gateway->channel);
    } while (!broken && ReadMore(&gateway->channel) == ReadResult::kMore);
}

void RebuildEvents(Supervisor* supervisor) {
    if (supervisor->events != nullptr) FreeWaitEventSet(supervisor->events);
    supervisor->events = pg::MakeWaitEventSet(2 + kMaxGateways);
    AddWaitEventToSet(supervisor->events, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
    AddWaitEventToSet(supervisor->events, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
    for (Gateway& gateway : supervisor->gateways) {
        if (gateway.state == GatewayState::kNone) continue;
        AddWaitEventToSet(supervisor->events, WL_SOCKET_READABLE, gateway.channel.fd, nullptr,
                          &gateway);
    }
    supervisor->events_stale = false;
}

}  // namespace

void StartSupervisor(Supervisor* supervisor, pg::WorkerStatus* status, protocol::GatewayRole role) {
    supervisor->status = status;
    supervisor->role = role;
    supervisor->events_stale = true;
    own_supervisor = supervisor;
    before_shmem_exit(AtExit, 0);
}

bool OpenPort(Supervisor* supervisor) {
    constexpr long kRetryMs = 1000;
    const PortUse use =
        supervisor->role == protocol::GatewayRole::kApi ? PortUse::kOwn : PortUse::kShared;
    pg::WorkerStatus* const status = supervisor->status;
    char why[256];
    while (
        !OpenListeners(PortOf(supervisor->role), use, &supervisor->listeners, why, sizeof(why))) {
        pg::ReportTrouble(status, pg::kWaitingTopic, ERRCODE_SYSTEM_ERROR, "%s", why);
        pg::SetState(status, pg::WorkerState::kWaiting);
        Sleep(kRetryMs);
        HandleInterrupts();
        if (Stopping()) return false;
    }
    return true;
}

void Tend(Supervisor* supervisor) {
    for (Gateway& gateway : supervisor->gateways) {
        if (IsLeaving(gateway) && gateway.leave_by.IsDue(Now())) {
            KillProgram(gateway.pid);
            Remove(supervisor, &gateway);
        } else if (gateway.state == GatewayState::kStarting &&
                   Now().MsSince(gateway.started_at) >= kStartTimeoutMs) {
            OnFailed(supervisor, &gateway, "it was not ready after 30 s");
        }
    }
    if (Find(supervisor, GatewayState::kStarting) != nullptr) return;
    const bool serves = Find(supervisor, GatewayState::kServing) != nullptr;
    if (pg::PkiVersion() == 0) return AwaitFiles(supervisor->status);
    const bool wanted = supervisor->reload_wanted || !serves || IsStale(*supervisor);
    const bool may_try = supervisor->backoff.MayTry(Now()) && supervisor->kills.MayTry(Now());
    if (wanted && may_try) Start(supervisor);
}

void Reload(Supervisor* supervisor) {
    Gateway* const serving = Find(supervisor, GatewayState::kServing);
    Gateway* const starting = Find(supervisor, GatewayState::kStarting);
    const Gateway* const newest = starting != nullptr ? starting : serving;
    supervisor->reload_wanted =
        newest == nullptr || newest->fingerprint != Fingerprint(CurrentConfig(*supervisor));
    if (supervisor->reload_wanted) {
        supervisor->backoff.TryNow();
        supervisor->kills.TryNow();
    } else if (newest == serving) {
        // The settings of a reload that had failed may have been taken back.
        pg::EndTrouble(supervisor->status, kTopic);
        ShowReloaded(supervisor->status);
    }
}

void WaitForGateways(Supervisor* supervisor, long timeout_ms) {
    if (supervisor->events_stale) RebuildEvents(supervisor);
    bool unsent = false;
    for (Gateway& gateway : supervisor->gateways) {
        unsent = unsent || (gateway.state != GatewayState::kNone && HasUnsent(gateway.channel));
    }
    // While bytes are unsent, wait 5 ms at most and then write again. Sockets are full so rarely
    // that this is simpler than a second set of events.
    WaitEvent occurred[2 + kMaxGateways];
    WaitEventSetWait(supervisor->events, unsent ? Min(timeout_ms, 5L) : timeout_ms, occurred,
                     lengthof(occurred), PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    ReadClock();
}

Handled HandleControl(Supervisor* supervisor, Gateway* gateway, const Frame& frame) {
    const uint32_t bytes = frame.header.payload_bytes;
    switch (frame.header.type) {
        case protocol::FrameType::kReady: {
            protocol::Ready ready;
            if (gateway->state != GatewayState::kStarting ||
                !protocol::DecodeWhole(frame.payload, bytes, &ready) ||
                !core::IsPrintable(ready.certificate_sha256)) {
                return Handled::kBroken;
            }
            OnReady(supervisor, gateway, ready);
            return Handled::kYes;
        }
        case protocol::FrameType::kDraining: {
            protocol::Draining draining;
            if (gateway->state != GatewayState::kDraining ||
                !protocol::DecodeWhole(frame.payload, bytes, &draining)) {
                return Handled::kBroken;
            }
            Move(gateway, GatewayState::kDraining, GatewayState::kClosed);
            ShowFiles(supervisor);
            return Handled::kYes;
        }
        case protocol::FrameType::kFailed: {
            protocol::Failed failed;
            if (gateway->state != GatewayState::kStarting ||
                !protocol::DecodeWhole(frame.payload, bytes, &failed) ||
                !core::IsPrintable(failed.message)) {
                return Handled::kBroken;
            }
            OnFailed(supervisor, gateway, failed.message);
            return Handled::kYes;
        }
        case protocol::FrameType::kLog: {
            protocol::LogLine line;
            if (!protocol::DecodeWhole(frame.payload, bytes, &line) ||
                !core::IsPrintable(line.message)) {
                return Handled::kBroken;
            }
            const std::string_view message = core::CutUtf8(line.message, 1000);
            ereport(line.warning != 0 ? WARNING : LOG,
                    errcode(line.warning != 0 ? ERRCODE_WARNING : ERRCODE_SUCCESSFUL_COMPLETION),
                    errmsg("pganalytics gateway %d: %.*s", gateway->pid,
                           static_cast<int>(message.size()), message.data()));
            return Handled::kYes;
        }
        case protocol::FrameType::kRefused: {
            protocol::Refused refused;
            const bool good =
                protocol::DecodeWhole(frame.payload, bytes, &refused) &&
                pg::TakeRefused(refused, supervisor->role == protocol::GatewayRole::kApi);
            return good ? Handled::kYes : Handled::kBroken;
        }
        case protocol::FrameType::kCounters: {
            protocol::Counters counters;
            if (!protocol::DecodeWhole(frame.payload, bytes, &counters)) return Handled::kBroken;
            CountConnections(supervisor->status, gateway, counters);
            return Handled::kYes;
        }
        default:
            return Handled::kNotControl;
    }
}

void EndFailedGateways(Supervisor* supervisor) {
    for (Gateway& gateway : supervisor->gateways) {
        if (gateway.failure != nullptr) End(supervisor, &gateway, gateway.failure);
    }
}

void FlushGateways(Supervisor* supervisor) {
    for (Gateway& gateway : supervisor->gateways) {
        if (gateway.state == GatewayState::kNone) continue;
        Release(&gateway.channel);
        if (!Flush(&gateway.channel) && gateway.failure == nullptr) {
            MarkFailed(&gateway, "takes no answers");
        }
    }
    EndFailedGateways(supervisor);
}

void StopGateways(Supervisor* supervisor) {
    CloseListeners(&supervisor->listeners);
    protocol::Drain refuse;
    refuse.refuse = 1;
    for (Gateway& gateway : supervisor->gateways) {
        if (gateway.state == GatewayState::kNone) continue;
        Send(&gateway.channel, protocol::FrameType::kDrain, 0, refuse);
        Flush(&gateway.channel);
    }
    core::Timer deadline;
    deadline.Start(ReadClock(), kLeaveMs);
    bool left = true;
    while (left && !deadline.IsDue(Now())) {
        left = false;
        for (Gateway& gateway : supervisor->gateways) {
            if (gateway.state == GatewayState::kNone) continue;
            const bool ended = HasEnded(gateway.pid);
            TakeLastWords(supervisor, &gateway);
            if (ended) {
                Remove(supervisor, &gateway);
            } else {
                Flush(&gateway.channel);
                left = true;
            }
        }
        // The end of a gateway sets the latch (SIGCHLD), which ends the sleep.
        if (left) Sleep(20);
    }
    for (Gateway& gateway : supervisor->gateways) {
        if (gateway.state == GatewayState::kNone) continue;
        KillProgram(gateway.pid);
        Remove(supervisor, &gateway);
    }
}

}  // namespace pganalytics::bgworker
