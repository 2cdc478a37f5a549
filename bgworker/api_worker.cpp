// API worker: takes the requests of people one at a time and answers each after its commit.
#include "bgworker/api_worker.hpp"

#include "bgworker/identity_feed.hpp"
#include "bgworker/supervisor.hpp"
#include "bgworker/worker.hpp"
#include "pg/api.hpp"
#include "pg/login.hpp"
#include "pg/session.hpp"

namespace pganalytics::bgworker {
namespace {

Supervisor supervisor;

// Whatever a gateway says is checked as if a stranger had written it.
bool IsPlausible(const protocol::ApiRequest& request) {
    constexpr size_t kMaxTargetBytes = 16 << 10;
    return request.role.size() < NAMEDATALEN && request.method.size() <= 16 &&
           request.path.size() <= kMaxTargetBytes && request.query.size() <= kMaxTargetBytes &&
           request.body.size() <= protocol::kMaxApiBodyBytes && request.address.size() <= 64 &&
           request.request_id.size() <= 64 &&
           memchr(request.address.data(), '\0', request.address.size()) == nullptr;
}

bool AnswerRequest(Gateway* gateway, const Frame& frame, MemoryContext context) {
    protocol::ApiRequest request;
    if (!protocol::DecodeWhole(frame.payload, frame.header.payload_bytes, &request) ||
        !IsPlausible(request)) {
        return false;
    }
    pgstat_report_activity(STATE_RUNNING, "answering a person");
    const protocol::ApiReply reply = pg::AnswerApi(request, context);
    Send(&gateway->channel, protocol::FrameType::kApiReply, frame.header.request_id, reply);
    pgstat_report_activity(STATE_IDLE, "answering a person");
    // It may hold a password, and the answer holds tokens.
    explicit_bzero(const_cast<char*>(frame.payload), frame.header.payload_bytes);
    if (!reply.body.empty())
        explicit_bzero(const_cast<char*>(reply.body.data()), reply.body.size());
    return true;
}

// TakeFrame serves one frame of a gateway. False when none is there.
bool TakeFrame(Gateway* gateway, MemoryContext context) {
    Frame frame;
    bool broken = false;
    while (!NextFrame(&gateway->channel, &frame, &broken)) {
        if (broken) {
            Doom(gateway, "sent bytes that are no frame");
            return false;
        }
        switch (ReadMore(&gateway->channel)) {
            case ReadResult::kMore:
                continue;
            case ReadResult::kBlocked:
                return false;
            case ReadResult::kClosed:
                Doom(gateway, "has closed its socket");
                return false;
        }
    }
    const char* why = "sent a frame that a worker does not take";
    bool ok = false;
    switch (HandleControl(&supervisor, gateway, frame)) {
        case Handled::kYes:
            ok = true;
            break;
        case Handled::kBroken:
            break;
        case Handled::kNotControl:
            if (!TakesWork(*gateway)) {
                why = "sent work before it was ready";
            } else if (frame.header.type == protocol::FrameType::kApiRequest) {
                ok = AnswerRequest(gateway, frame, context);
            }
            break;
    }
    if (!ok) Doom(gateway, why);
    return ok;
}

// Serve is the worker's main loop. It ends when the worker must stop or the extension is gone.
void Serve(MemoryContext context) {
    constexpr long kTurnMs = 1000;
    TimestampTz checked_at = GetCurrentTimestamp();
    while (!Stopping()) {
        Tend(&supervisor);
        FeedIdentity(&supervisor);
        bool worked = false;
        for (Gateway& gateway : supervisor.gateways) {
            if (gateway.state == GatewayState::kNone || gateway.doomed != nullptr) continue;
            worked = TakeFrame(&gateway, context) || worked;
        }
        FlushGateways(&supervisor);
        MemoryContextReset(context);
        const bool reloaded = HandleInterrupts();
        if (reloaded) Reload(&supervisor);
        if (worked || reloaded) continue;
        if (TimestampDifferenceExceeds(checked_at, GetCurrentTimestamp(), kTurnMs)) {
            checked_at = GetCurrentTimestamp();
            if (!ExtensionExists()) return;
            pgstat_report_stat(false);
        }
        const bool serves = supervisor.status->state == pg::WorkerState::kRunning;
        WaitForGateways(&supervisor, serves ? kTurnMs : 50);
    }
}

}  // namespace

void RunApiWorker() {
    pg::WorkerStatus* const status = Begin(pg::WorkerKind::kApi, 0);
    pg::ConnectToDatabase();
    // What ALTER ROLE makes of a password: no other kind can log in here.
    SetConfigOption("password_encryption", "scram-sha-256", PGC_USERSET, PGC_S_OVERRIDE);
    if (ErrorData* const error = pg::PrepareLogins()) ReThrowError(error);
    StartSupervisor(&supervisor, status, protocol::GatewayRole::kApi);
    MemoryContext const context =
        AllocSetContextCreate(TopMemoryContext, "pganalytics request", ALLOCSET_DEFAULT_SIZES);
    // Once per process: the role, once taken, stays; so a dropped extension means a new process.
    if (AwaitExtension(status, pg::kApiRole) && OpenPort(&supervisor)) {
        pg::SetState(status, pg::WorkerState::kStarting);
        Serve(context);
    }
    pg::SetState(status, pg::WorkerState::kTerminating);
    StopGateways(&supervisor);
}

}  // namespace pganalytics::bgworker
