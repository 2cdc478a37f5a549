// Courier: starts pganalytics-courier, sends it deliveries, and takes their results.
#include "bgworker/alerts/courier.hpp"

#include "bgworker/process/channel.hpp"
#include "bgworker/process/program.hpp"
#include "bgworker/process/worker.hpp"
#include "core/utf8.hpp"
#include "pg/alerts/deliveries.hpp"
#include "pg/base/guc.hpp"
#include "pg/base/trouble.hpp"

namespace pganalytics::bgworker {
namespace {

using protocol::DeliveryOutcome;
using protocol::FrameType;

constexpr uint32_t kConnectTimeoutMs = 10000;
constexpr int64 kFirstBackoffMs = 100;
constexpr int64 kLongestBackoffMs = 60000;
// Each delivery ends within its timeout, so a courier with a delivery in progress is never silent
// for longer than this.
constexpr int kSilenceMs = 90000;
constexpr char kUserAgent[] = "pganalytics/" PGANALYTICS_VERSION;

struct Courier {
    pg::WorkerStatus* status;
    pid_t pid;  // 0: no courier runs
    Channel channel;
    core::Instant heard_at;  // when it last sent a frame, or was last idle
    uint64 fingerprint;      // of its configuration and files
    bool outdated;           // its settings or files have changed since it was started
    bool replaced;           // the last one was ended because it was outdated
    const char* failure;     // why it must end; nullptr: it need not end
    // The back-off counts the couriers that died or could not start. The result of a delivery
    // resets the count.
    core::Backoff backoff{kFirstBackoffMs, kLongestBackoffMs};
    // After a courier died with several deliveries in progress, this many deliveries are sent one
    // by one, to find the one that killed it.
    int one_by_one;
    pg::DeliveryAttempts attempts;
};
Courier courier;

// The topics of troubles.
constexpr char kTopic[] = "courier";
constexpr char kSettle[] = "settle a delivery";
constexpr char kTake[] = "take deliveries";

void AtExit(int, Datum) {
    if (courier.pid != 0) KillProgram(courier.pid);
}

// FailWith logs the error and frees it. If the extension was dropped meanwhile, it logs nothing.
void FailWith(const char* what, ErrorData* error) {
    if (ExtensionExists()) {
        pg::ReportTrouble(courier.status, what, ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
                          "could not %s: %s", what, error->message);
    }
    FreeErrorData(error);
}

protocol::CourierConfig CurrentConfig() {
    protocol::CourierConfig config;
    config.timeout_ms = static_cast<uint32_t>(pg::settings.alert_timeout_s) * 1000;
    config.connect_timeout_ms = Min(kConnectTimeoutMs, config.timeout_ms);
    config.allowed_hosts = pg::settings.alert_allowed_hosts;
    config.ca_file = pg::settings.alert_ca_file;
    config.smtp_relay = pg::settings.smtp_relay;
    config.mail_from = pg::settings.alert_mail_from;
    config.user_agent = kUserAgent;
    return config;
}

uint64 Fingerprint(const protocol::CourierConfig& config) {
    return FingerprintOf(FrameType::kCourierConfig, config, {config.ca_file});
}

void Start() {
    static bool registered = false;
    if (!registered) before_shmem_exit(AtExit, 0);
    registered = true;
    int fd = -1;
    courier.pid = StartProgram(kCourierProgram, nullptr, 0, &fd);
    if (courier.pid == 0) {
        pg::ReportTrouble(courier.status, kTopic, ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
                          "could not start %s: %s", kCourierProgram, pg_strerror(errno));
        courier.backoff.Fail(Now());
        return;
    }
    OpenChannel(&courier.channel, fd);
    courier.heard_at = Now();
    courier.outdated = false;
    // A courier that takes the place of one with outdated settings is no restart.
    pg::UpdateStatus(courier.status, [](pg::WorkerStatus* s) {
        s->gateway_pid = courier.pid;
        if (!courier.replaced) ++s->gateway_starts;
    });
    courier.replaced = false;
    const protocol::CourierConfig config = CurrentConfig();
    courier.fingerprint = Fingerprint(config);
    Send(&courier.channel, FrameType::kCourierConfig, 0, config);
}

// End ends the courier and writes to `out` how it ended.
void End(char* out, size_t out_size) {
    DescribeEnd(kCourierProgram, KillProgram(courier.pid), out, out_size);
    CloseChannel(&courier.channel);
    courier.pid = 0;
    pg::UpdateStatus(courier.status, [](pg::WorkerStatus* s) { s->gateway_pid = 0; });
}

// EndFailedCourier ends a courier that is gone or has broken the protocol, and puts its deliveries
// in progress back into the outbox.
void EndFailedCourier() {
    char end[160];
    End(end, sizeof(end));
    pg::ReportTrouble(courier.status, kTopic, ERRCODE_EXTERNAL_ROUTINE_EXCEPTION, "%s %s; it %s",
                      kCourierProgram, courier.failure, end);
    courier.failure = nullptr;
    courier.backoff.Fail(Now());
    pg::DeliveryAttempt* last = nullptr;
    int lost = 0;
    for (pg::DeliveryAttempt& attempt : courier.attempts.list) {
        if (attempt.context == nullptr || attempt.ended) continue;
        last = &attempt;
        ++lost;
    }
    if (lost == 1) {
        // This delivery may have killed the courier. Count it as failed: it then waits for its
        // retry, and after too many failures it is given up.
        protocol::Delivered result;
        result.message = "the courier ended while it was on its way";
        pg::FinishAttempt(last, result);
        return;
    }
    if (lost > 1) courier.one_by_one = pg::kMaxConcurrentAttempts;
    for (pg::DeliveryAttempt& attempt : courier.attempts.list) {
        if (attempt.context != nullptr && !attempt.ended) pg::ReleaseAttempt(&attempt);
    }
}

// TakeDelivered keeps the result of a delivery until SettleEnded stores it. It returns false if the
// frame is not valid or its delivery is not in progress.
bool TakeDelivered(const Frame& frame) {
    protocol::Delivered result;
    if (!protocol::DecodeWhole(frame.payload, frame.header.payload_bytes, &result) ||
        result.outcome > DeliveryOutcome::kDead || result.status > 999 ||
        result.retry_after_s > protocol::kMaxRetryAfterS ||
        result.message.size() > protocol::kMaxDeliveredMessageBytes ||
        !core::IsPrintable(result.message)) {
        return false;
    }
    for (pg::DeliveryAttempt& attempt : courier.attempts.list) {
        if (attempt.context == nullptr || attempt.ended) continue;
        if (attempt.request_id != frame.header.request_id) continue;
        pg::FinishAttempt(&attempt, result);
        courier.backoff.Reset();
        pg::EndTrouble(courier.status, kTopic);
        if (result.outcome == DeliveryOutcome::kSent && !result.message.empty()) {
            ereport(WARNING, errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
                    errmsg("alert channel %s: %.*s", attempt.channel,
                           static_cast<int>(result.message.size()), result.message.data()));
        }
        return true;
    }
    return false;
}

bool TakeReady(const Frame& frame) {
    protocol::Ready ready;
    if (!protocol::DecodeWhole(frame.payload, frame.header.payload_bytes, &ready)) return false;
    ereport(LOG, errmsg("%s is ready%s", kCourierProgram,
                        ready.sandboxed != 0 ? "" : ", without a sandbox on this platform"));
    return true;
}

// TakeFailed keeps the reason why a courier could not start. The courier ends after this frame.
bool TakeFailed(const Frame& frame) {
    static char why[200];
    protocol::Failed failed;
    if (!protocol::DecodeWhole(frame.payload, frame.header.payload_bytes, &failed)) return false;
    if (!core::IsPrintable(failed.message)) return false;
    const std::string_view message = core::CutUtf8(failed.message, 150);
    pg_snprintf(why, sizeof(why), "could not start: %.*s", static_cast<int>(message.size()),
                message.data());
    courier.failure = why;
    return true;
}

bool TakeFrame(const Frame& frame) {
    courier.heard_at = Now();
    switch (frame.header.type) {
        case FrameType::kReady:
            return TakeReady(frame);
        case FrameType::kFailed:
            return TakeFailed(frame);
        case FrameType::kDelivered:
            return TakeDelivered(frame);
        default:
            return false;
    }
}

// Converse writes as much as the courier takes and reads all frames that it has sent.
void Converse() {
    // Ignore whether Flush fails: if the courier reads too little, it is ended after kSilenceMs.
    static_cast<void>(Flush(&courier.channel));
    for (;;) {
        const ReadResult read = ReadMore(&courier.channel);
        Frame frame;
        bool broken = false;
        while (courier.failure == nullptr && NextFrame(&courier.channel, &frame, &broken)) {
            if (!TakeFrame(frame)) broken = true;
            if (broken) break;
        }
        Release(&courier.channel);
        if (broken) courier.failure = "broke the protocol";
        if (courier.failure != nullptr) break;
        if (read == ReadResult::kClosed) courier.failure = "has gone";
        if (read != ReadResult::kMore) break;
    }
    if (pg::CountAttempts(courier.attempts) == 0) courier.heard_at = Now();
    if (courier.failure == nullptr && Now().MsSince(courier.heard_at) >= kSilenceMs) {
        courier.failure = "has said nothing for too long";
    }
    if (courier.failure != nullptr) EndFailedCourier();
}

// SettleEnded stores the results of deliveries that have ended. If a result cannot be stored, the
// next loop iteration retries; until then the alert group of the delivery waits.
void SettleEnded() {
    for (pg::DeliveryAttempt& attempt : courier.attempts.list) {
        if (attempt.context == nullptr || !attempt.ended) continue;
        if (ErrorData* const error = pg::SettleDelivery(&attempt)) {
            FailWith(kSettle, error);
            return;
        }
        pg::EndTrouble(courier.status, kSettle);
        courier.one_by_one = Max(courier.one_by_one - 1, 0);
    }
}

// TakeDue takes due deliveries and sends them to the courier. If no courier runs, it starts one.
void TakeDue() {
    const int most = courier.one_by_one > 0 ? 1 : pg::kMaxConcurrentAttempts;
    const bool backs_off = !courier.backoff.MayTry(Now());
    if ((courier.pid != 0 && courier.outdated) || (courier.pid == 0 && backs_off) ||
        pg::CountAttempts(courier.attempts) >= most) {
        return;
    }
    const uint32_t before = courier.attempts.last_id;
    if (ErrorData* const error = pg::TakeDeliveries(&courier.attempts, most)) {
        FailWith(kTake, error);
        return;
    }
    pg::EndTrouble(courier.status, kTake);
    if (courier.attempts.last_id == before) return;
    if (courier.pid == 0) Start();
    for (pg::DeliveryAttempt& attempt : courier.attempts.list) {
        if (attempt.context == nullptr ||
            attempt.request_id - before - 1 >= uint32_t{pg::kMaxConcurrentAttempts}) {
            continue;
        }
        if (courier.pid == 0) {
            pg::ReleaseAttempt(&attempt);
            continue;
        }
        const size_t unsent = courier.channel.outbox.size();
        Send(&courier.channel, FrameType::kDelivery, attempt.request_id, attempt.delivery);
        // A delivery that is too large for the courier is too large for receivers as well, so give
        // it up.
        if (courier.channel.outbox.size() - unsent > protocol::kMaxDeliveryBytes) {
            courier.channel.outbox.Cut(unsent);
            protocol::Delivered result;
            result.outcome = DeliveryOutcome::kDead;
            result.message = "the delivery is larger than 16 MiB";
            pg::FinishAttempt(&attempt, result);
        }
        attempt.delivery = {};
    }
    if (courier.pid != 0) Converse();
}

}  // namespace

void TendCourier(pg::WorkerStatus* status) {
    courier.status = status;
    if (courier.pid != 0) Converse();
    SettleEnded();
    if (courier.pid != 0 && courier.outdated && pg::CountAttempts(courier.attempts) == 0) {
        char end[160];
        End(end, sizeof(end));
        courier.replaced = true;
    }
    TakeDue();
    SettleEnded();
}

void ReloadCourier() {
    courier.outdated = courier.pid != 0 && courier.fingerprint != Fingerprint(CurrentConfig());
    courier.backoff.Reset();
}

void WaitForCourier(long timeout_ms) {
    if (courier.pid == 0) {
        Sleep(timeout_ms);
        return;
    }
    const int unsent = HasUnsent(courier.channel) ? WL_SOCKET_WRITEABLE : 0;
    WaitLatchOrSocket(MyLatch,
                      WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH | WL_SOCKET_READABLE | unsent,
                      courier.channel.fd, timeout_ms, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    ReadClock();
}

}  // namespace pganalytics::bgworker
