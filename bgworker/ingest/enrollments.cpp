// Enrollments: a small array of requests, checked when identities have changed.
#include "bgworker/ingest/enrollments.hpp"

#include "bgworker/process/identity_feed.hpp"
#include "bgworker/process/worker.hpp"
#include "pg/identity/enroll.hpp"
#include "pg/identity/identity_state.hpp"

namespace pganalytics::bgworker {
namespace {

// At most this many requests wait at once. Even if many collectors enrol together, each request
// begins after some hundredths of a second.
constexpr int kMaxEnrollments = 64;
constexpr uint32_t kMaxRequestBytes = 16384;
// A request is given up after this time. It is shorter than the time that a gateway waits for an
// answer.
constexpr int kPatienceMs = 20000;
// While no certificates can be issued, a request is given up after this time.
constexpr int kShortPatienceMs = 2000;
constexpr int kLookMs = 1000;
constexpr uint32_t kRetryAfterSeconds = 5;

// Waiting is one request. A zeroed Waiting is a free slot.
struct Waiting {
    Gateway* gateway;
    pid_t gateway_pid;  // if gateway->pid differs, another gateway has taken the slot
    uint32_t request_id;
    char* payload;  // the frame's bytes, to which `request` points
    protocol::EnrollRequest request;
    bool begun;
    pg::Enrollment enrollment;
    core::Instant since;
};

Waiting places[kMaxEnrollments];
int taken = 0;
uint64 seen_version = 0;
core::Timer look;

void Reply(Gateway* gateway, uint32_t request_id, const protocol::EnrollReply& reply) {
    Send(&gateway->channel, protocol::FrameType::kEnrollReply, request_id, reply);
}

void Free(Waiting* one) {
    explicit_bzero(one->enrollment.token, sizeof(one->enrollment.token));
    pfree(one->payload);
    *one = {};
    --taken;
}

bool IsHere(const Waiting& one) { return one.gateway->pid == one.gateway_pid; }

void Answer(Waiting* one) {
    const pg::Enrollment& enrollment = one->enrollment;
    protocol::EnrollReply reply;
    reply.status = enrollment.status;
    reply.retry_after_s = enrollment.retry_after_s;
    reply.message = enrollment.message;
    if (enrollment.status == 200) {
        reply.collector_id = enrollment.collector_id;
        reply.expires_at = enrollment.expires_at;
        reply.certificate = enrollment.certificate;
        reply.token = {enrollment.token, strnlen(enrollment.token, sizeof(enrollment.token))};
        reply.trust = TrustDocument();
    }
    Reply(one->gateway, one->request_id, reply);
    Free(one);
}

// Finish answers a request whose result is known. A registration may succeed without a certificate
// if no certificate is required.
void Finish(Waiting* one, MemoryContext context) {
    const bool registers = one->request.kind == protocol::EnrollKind::kRegistration;
    if (registers && one->enrollment.status != 200) {
        pg::EndRegistration(one->request, context, &one->enrollment);
    }
    Answer(one);
}

void GiveUp(Waiting* one, MemoryContext context) {
    if (one->request.kind != protocol::EnrollKind::kRegistration) {
        one->enrollment.status = 503;
        one->enrollment.retry_after_s = kRetryAfterSeconds;
        one->enrollment.message =
            pg::IssuingFails()
                ? "no certificates can be issued now, and pganalytics.workers on the server says "
                  "why; the same request may be sent again"
                : "the certificate is not issued yet; the same request may be sent again";
    }
    Finish(one, context);
}

Waiting* OldestToBegin() {
    Waiting* oldest = nullptr;
    for (Waiting& one : places) {
        if (one.payload == nullptr || one.begun) continue;
        if (oldest == nullptr || one.since < oldest->since) oldest = &one;
    }
    return oldest;
}

void Begin(Waiting* one, MemoryContext context) {
    pgstat_report_activity(STATE_RUNNING, "enrolling a collector");
    pg::BeginEnrollment(one->request, context, &one->enrollment);
    one->begun = true;
    look.Expire();  // a repeated request may already have its certificate
    if (one->enrollment.status != 202) Answer(one);
    pgstat_report_activity(STATE_IDLE, "enrolling a collector");
}

// Look reads from the tables which of the waiting requests are decided.
void Look(MemoryContext context) {
    pg::Enrollment* waiting[kMaxEnrollments];
    int count = 0;
    for (Waiting& one : places) {
        if (one.begun) waiting[count++] = &one.enrollment;
    }
    pg::ContinueEnrollments(waiting, count, context);
    for (Waiting& one : places) {
        if (one.begun && one.enrollment.status != 202) Finish(&one, context);
    }
}

}  // namespace

bool TakeEnrollment(Gateway* gateway, const Frame& frame) {
    const uint32_t bytes = frame.header.payload_bytes;
    protocol::EnrollRequest request;
    if (!protocol::DecodeWhole(frame.payload, bytes, &request) ||
        request.kind > protocol::EnrollKind::kRegistration) {
        return false;
    }
    protocol::EnrollReply refusal;
    if (bytes > kMaxRequestBytes) {
        refusal.status = 422;
        refusal.message = "certificate request is too long";
        Reply(gateway, frame.header.request_id, refusal);
        return true;
    }
    if (taken == kMaxEnrollments) {
        refusal.status = 503;
        refusal.retry_after_s = kRetryAfterSeconds;
        refusal.message = "too many are enrolling";
        Reply(gateway, frame.header.request_id, refusal);
        return true;
    }
    Waiting* one = places;
    while (one->payload != nullptr) ++one;
    one->gateway = gateway;
    one->gateway_pid = gateway->pid;
    one->request_id = frame.header.request_id;
    one->payload = static_cast<char*>(MemoryContextAlloc(TopMemoryContext, bytes));
    memcpy(one->payload, frame.payload, bytes);
    protocol::DecodeWhole(one->payload, bytes, &one->request);
    one->since = Now();
    ++taken;
    return true;
}

bool AdvanceEnrollments(MemoryContext context) {
    if (taken == 0) return false;
    for (Waiting& one : places) {
        if (one.payload != nullptr && !IsHere(one)) Free(&one);
    }
    Waiting* const next = OldestToBegin();
    if (next != nullptr) Begin(next, context);

    const uint64 version = pg::IdentityVersion();
    if (version != seen_version || look.IsDue(Now())) {
        seen_version = version;
        look.Start(Now(), kLookMs);
        Look(context);
    }
    const int patience_ms = pg::IssuingFails() ? kShortPatienceMs : kPatienceMs;
    for (Waiting& one : places) {
        if (one.begun && Now().MsSince(one.since) >= patience_ms) {
            GiveUp(&one, context);
        }
    }
    return next != nullptr;
}

}  // namespace pganalytics::bgworker
