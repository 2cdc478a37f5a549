// API worker: takes the requests of people one at a time and answers each after its transaction.
#include "bgworker/api/api_worker.hpp"

#include "bgworker/process/serve.hpp"
#include "pg/api/answer.hpp"
#include "pg/base/session.hpp"
#include "pg/identity/login.hpp"

namespace pganalytics::bgworker {
namespace {

Supervisor supervisor;

// IsPlausible checks a request that a gateway has sent. A gateway is trusted no more than a
// stranger.
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
    // The request may hold a password, and the reply may hold tokens: overwrite both.
    explicit_bzero(const_cast<char*>(frame.payload), frame.header.payload_bytes);
    if (!reply.body.empty())
        explicit_bzero(const_cast<char*>(reply.body.data()), reply.body.size());
    return true;
}

// ServeFrame serves one frame of a gateway. It returns false if there is none.
bool ServeFrame(Gateway* gateway, MemoryContext context) {
    Frame frame;
    if (!TakeFrame(gateway, &frame)) return false;
    return HandleFrame(&supervisor, gateway, frame, [=](const Frame& request, const char**) {
        return request.header.type == protocol::FrameType::kApiRequest &&
               AnswerRequest(gateway, request, context);
    });
}

}  // namespace

void RunApiWorker() {
    pg::WorkerStatus* const status = Begin(pg::WorkerKind::kApi, 0);
    pg::ConnectToDatabase();
    // ALTER ROLE hashes new passwords as this setting says. A person can log in here only with a
    // SCRAM password.
    SetConfigOption("password_encryption", "scram-sha-256", PGC_USERSET, PGC_S_OVERRIDE);
    if (ErrorData* const error = pg::PrepareLogins()) ReThrowError(error);
    MemoryContext const context =
        AllocSetContextCreate(TopMemoryContext, "pganalytics request", ALLOCSET_DEFAULT_SIZES);
    ServeGateways(&supervisor, status, protocol::GatewayRole::kApi, pg::kApiRole, [context] {
        MemoryContextReset(context);
        bool worked = false;
        for (Gateway& gateway : supervisor.gateways) {
            if (gateway.state == GatewayState::kNone || gateway.failure != nullptr) continue;
            worked = ServeFrame(&gateway, context) || worked;
        }
        return worked;
    });
}

}  // namespace pganalytics::bgworker
