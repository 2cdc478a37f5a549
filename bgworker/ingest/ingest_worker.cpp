// Ingest worker: takes every frame that is ready, stores the pushes of a group in one transaction,
// and answers them after the commit. No transaction is open while the worker waits for bytes.
#include "bgworker/ingest/ingest_worker.hpp"

#include "bgworker/ingest/enrollments.hpp"
#include "bgworker/process/serve.hpp"
#include "pg/base/session.hpp"
#include "pg/base/trouble.hpp"
#include "pg/identity/tokens.hpp"
#include "pg/store/disk_space.hpp"
#include "pg/store/health.hpp"
#include "pg/store/metrics/work_locks.hpp"
#include "pg/store/store.hpp"

extern "C" {
#ifdef __GLIBC__
#include <malloc.h>
#endif
}

namespace pganalytics::bgworker {
namespace {

// A group ends at this many bytes of frames, whatever batch_size says, because its rows are in
// memory twice until the commit.
constexpr size_t kMaxGroupBytes = size_t{16} << 20;

struct Group {
    MemoryContext context;
    pg::PushJob* jobs;
    uint32_t* request_ids;
    Gateway** gateways;
    int count;
    size_t bytes;
    bool alone;    // the group has a large push and takes no other push
    bool refused;  // there was too little disk space
};

// The topics of troubles.
constexpr char kStoring[] = "store a push";
constexpr char kDiskSpace[] = "disk space";

// Question is a HealthRequest that waits until the pushes taken in the same loop iteration are
// stored.
struct Question {
    Gateway* gateway;
    pid_t gateway_pid;  // if gateway->pid differs, another gateway has taken the slot
    uint32_t request_id;
    protocol::HealthRequest request;
};
constexpr int kMaxQuestions = 16;

Supervisor supervisor;
Question questions[kMaxQuestions];
int question_count = 0;
// The next frame of this gateway is a large push that was put off to the next group.
Gateway* large_is_due = nullptr;

void NewGroup(Group* group) {
    const auto size = static_cast<size_t>(pg::settings.batch_size);
    MemoryContextReset(group->context);
    MemoryContext const caller = MemoryContextSwitchTo(group->context);
    group->jobs = static_cast<pg::PushJob*>(palloc0(sizeof(pg::PushJob) * size));
    group->request_ids = static_cast<uint32_t*>(palloc(sizeof(uint32_t) * size));
    group->gateways = static_cast<Gateway**>(palloc(sizeof(Gateway*) * size));
    group->count = 0;
    group->bytes = 0;
    group->alone = false;
    MemoryContextSwitchTo(caller);
}

// TakeAccounts checks the accounts of a push and allocates the worker's own data of each account.
// If the accounts are not valid, it returns false and sets *why.
bool TakeAccounts(pg::PushJob* job, MemoryContext context, const char** why) {
    const protocol::RowBlock* const block = protocol::AccountsBlock(job->blocks, job->push.blocks);
    job->account_count = block == nullptr ? 0 : block->rows;
    const size_t room = Max(job->account_count, 1u);
    auto* const accounts = static_cast<protocol::Account*>(
        MemoryContextAllocHuge(context, sizeof(protocol::Account) * room));
    job->accounts = accounts;
    job->tallies =
        static_cast<pg::Tally*>(MemoryContextAllocHuge(context, sizeof(pg::Tally) * room));
    job->database_ids = static_cast<int32*>(MemoryContextAllocHuge(context, sizeof(int32) * room));
    return protocol::CheckAccounts(job->push, job->blocks, job->push.blocks, accounts, why);
}

// AddPush decodes a push frame into the group. A gateway is trusted no more than a stranger:
// AddPush checks everything. If the gateway broke the protocol, it returns false and sets *why.
bool AddPush(Group* group, Gateway* gateway, const Frame& frame, const char** why) {
    pg::PushJob* const job = &group->jobs[group->count];
    core::ByteReader reader(frame.payload, frame.header.payload_bytes);
    *why = "push that is shorter than its fields";
    if (!protocol::Decode(&reader, &job->push)) return false;
    *why = "push with too many blocks";
    if (job->push.blocks > protocol::Catalog().size() + 1) return false;
    MemoryContext const caller = MemoryContextSwitchTo(group->context);
    auto* const blocks = static_cast<protocol::RowBlock*>(
        palloc0(sizeof(protocol::RowBlock) * Max(job->push.blocks, 1u)));
    MemoryContextSwitchTo(caller);
    uint64_t rows = 0;
    for (uint32_t i = 0; i < job->push.blocks; ++i) {
        if (!protocol::DecodeBlock(&reader, &blocks[i], why)) return false;
        if (blocks[i].metric->id != protocol::MetricId::kAccounts) rows += blocks[i].rows;
    }
    *why = "push whose counts do not add up";
    if (reader.remaining() != 0 || rows > protocol::kMaxRowsPerPush ||
        job->push.unchanged > INT32_MAX || job->push.merged > INT32_MAX ||
        job->push.too_large > INT32_MAX ||
        job->push.observed != rows + job->push.unchanged + job->push.merged + job->push.too_large) {
        return false;
    }
    job->blocks = blocks;
    if (!TakeAccounts(job, group->context, why)) return false;
    group->request_ids[group->count] = frame.header.request_id;
    group->gateways[group->count] = gateway;
    ++group->count;
    group->bytes += frame.header.payload_bytes;
    return true;
}

bool AnswerAuth(Group* group, Gateway* gateway, const Frame& frame) {
    protocol::AuthRequest request;
    if (!protocol::DecodeWhole(frame.payload, frame.header.payload_bytes, &request)) return false;
    const protocol::AuthReply reply = pg::AnswerAuth(request, supervisor.status, group->context);
    Send(&gateway->channel, protocol::FrameType::kAuthReply, frame.header.request_id, reply);
    return true;
}

bool AnswerToken(Group* group, Gateway* gateway, const Frame& frame) {
    protocol::TokenRequest request;
    if (!protocol::DecodeWhole(frame.payload, frame.header.payload_bytes, &request)) return false;
    const bool locked = pg::AreRequestsLocked(group->context);
    const protocol::TokenReply reply =
        locked ? protocol::TokenReply{503, 0, 0, {}, "a table is locked by another session"}
               : pg::AnswerTokenRequest(request, supervisor.status, group->context);
    Send(&gateway->channel, protocol::FrameType::kTokenReply, frame.header.request_id, reply);
    return true;
}

bool TakeQuestion(Gateway* gateway, const Frame& frame) {
    Question question = {gateway, gateway->pid, frame.header.request_id, {}};
    if (!protocol::DecodeWhole(frame.payload, frame.header.payload_bytes, &question.request)) {
        return false;
    }
    if (question_count < kMaxQuestions) {
        questions[question_count++] = question;
    } else {
        const protocol::HealthReply busy = {503, "too many have asked"};
        Send(&gateway->channel, protocol::FrameType::kHealthReply, question.request_id, busy);
    }
    return true;
}

// AnswerQuestion answers the oldest question. The worker calls it once per loop iteration, so that
// pushes are stored in between. AnswerQuestion returns false if there is no question.
bool AnswerQuestion(Group* group) {
    if (question_count == 0) return false;
    const Question question = questions[0];
    --question_count;
    memmove(questions, questions + 1, sizeof(Question) * static_cast<size_t>(question_count));
    if (question.gateway->pid != question.gateway_pid) return true;
    pgstat_report_activity(STATE_RUNNING, "reading figures for a collector");
    const protocol::HealthReply reply =
        pg::AnswerHealth(question.request, supervisor.status, group->context);
    Send(&question.gateway->channel, protocol::FrameType::kHealthReply, question.request_id, reply);
    pgstat_report_activity(STATE_IDLE, "reading figures for a collector");
    return true;
}

bool IsLarge(const Frame& frame) {
    return frame.header.type == protocol::FrameType::kPush &&
           frame.header.payload_bytes >= protocol::kLargePushBytes;
}

bool IsFull(const Group& group) {
    return group.count == pg::settings.batch_size || group.bytes >= kMaxGroupBytes || group.alone;
}

// TakeWork handles a frame that holds a request of a gateway's client.
bool TakeWork(Group* group, Gateway* gateway, const Frame& frame, const char** why) {
    switch (frame.header.type) {
        case protocol::FrameType::kAuthRequest:
            return AnswerAuth(group, gateway, frame);
        case protocol::FrameType::kPush:
            return AddPush(group, gateway, frame, why);
        case protocol::FrameType::kHealthRequest:
            return TakeQuestion(gateway, frame);
        case protocol::FrameType::kTokenRequest:
            return AnswerToken(group, gateway, frame);
        case protocol::FrameType::kEnrollRequest:
            return TakeEnrollment(gateway, frame);
        default:
            return false;
    }
}

// TakeFrames reads frames of a gateway until the group is full or no frame is left.
void TakeFrames(Group* group, Gateway* gateway) {
    Frame frame;
    while (!IsFull(*group) && gateway->state != GatewayState::kNone &&
           gateway->failure == nullptr && TakeFrame(gateway, &frame)) {
        if (IsLarge(frame) && group->count > 0) {
            // Store the large push in the next transaction, alone, so that the pushes of this group
            // do not wait for it.
            PutBack(&gateway->channel, frame);
            large_is_due = gateway;
            return;
        }
        const bool ok =
            HandleFrame(&supervisor, gateway, frame, [=](const Frame& request, const char** why) {
                return TakeWork(group, gateway, request, why);
            });
        if (ok) group->alone = IsLarge(frame);
    }
}

// TakeAllFrames fills the group. It begins with a large push that was put off, if there is one.
void TakeAllFrames(Group* group) {
    Gateway* const first = large_is_due;
    large_is_due = nullptr;
    if (first != nullptr && first->state != GatewayState::kNone) TakeFrames(group, first);
    for (Gateway& gateway : supervisor.gateways) {
        if (gateway.state != GatewayState::kNone) TakeFrames(group, &gateway);
    }
}

void Count(const Group& group) {
    int64 pushes = 0;
    int64 duplicates = 0;
    int64 rejected = 0;
    protocol::Receipt sum;
    const pg::PushJob* refused = nullptr;
    for (int i = 0; i < group.count; ++i) {
        const protocol::Receipt& receipt = group.jobs[i].receipt;
        if (receipt.status != 200) {
            ++rejected;
            if (receipt.status == 503) refused = &group.jobs[i];
        } else if (receipt.duplicate != 0) {
            ++duplicates;
        } else {
            ++pushes;
            sum.observed += receipt.observed;
            sum.stored += receipt.stored;
            sum.unchanged += receipt.unchanged;
            sum.merged += receipt.merged;
            for (size_t r = 0; r < sum.discarded.size(); ++r) {
                sum.discarded[r] += receipt.discarded[r];
            }
        }
    }
    pg::UpdateStatus(supervisor.status, [&](pg::WorkerStatus* s) {
        using enum protocol::WorkerCounter;
        s->Count(kPushes, pushes);
        s->Count(kDuplicates, duplicates);
        s->Count(kRejected, rejected);
        s->Count(kRows, static_cast<int64>(sum.stored));
        s->Count(kObserved, static_cast<int64>(sum.observed));
        s->Count(kUnchanged, static_cast<int64>(sum.unchanged));
        s->Count(kMerged, static_cast<int64>(sum.merged));
        for (size_t r = 0; r < sum.discarded.size(); ++r) {
            s->Count(protocol::CounterOf(static_cast<protocol::DiscardReason>(r)),
                     static_cast<int64>(sum.discarded[r]));
        }
        s->Count(kCommits, pushes > 0 ? 1 : 0);
    });
    if (group.refused) return;
    if (refused == nullptr) {
        if (pushes > 0) pg::EndTrouble(supervisor.status, kStoring);
        return;
    }
    // Log only when the error changes: while the disk is full or a privilege is missing, a line for
    // each push would flood the log.
    const auto& state = refused->receipt.sqlstate;
    const std::string_view why =
        refused->error != nullptr ? refused->error : refused->receipt.message;
    pg::ReportTrouble(supervisor.status, kStoring,
                      MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4]),
                      "could not store a push: %s: %.*s", state.data(),
                      static_cast<int>(why.size()), why.data());
}

void SetStoringBytes(int64 bytes) {
    pg::UpdateStatus(supervisor.status, [bytes](pg::WorkerStatus* s) { s->storing_bytes = bytes; });
}

// RefuseForSpace refuses the pushes of a group while there is still space: a server that cannot
// write WAL stops with a PANIC.
void RefuseForSpace(Group* group, const char* why) {
    constexpr uint32_t kRetryAfterS = 5;
    for (int i = 0; i < group->count; ++i) {
        protocol::Receipt* const receipt = &group->jobs[i].receipt;
        *receipt = {};
        receipt->status = 503;
        receipt->retry_after_s = kRetryAfterS;
        receipt->message = "the server has too little free disk space";
        strlcpy(receipt->sqlstate.data(), "53100", receipt->sqlstate.size());
    }
    pg::ReportTrouble(supervisor.status, kDiskSpace, ERRCODE_DISK_FULL, "refuses pushes: %s", why);
}

void StoreGroup(Group* group) {
    char activity[64];
    pg_snprintf(activity, sizeof(activity), "storing %d push%s", group->count,
                group->count == 1 ? "" : "es");
    pgstat_report_activity(STATE_RUNNING, activity);
    SetStoringBytes(static_cast<int64>(group->bytes));
    char why[160];
    group->refused = !pg::DiskHasRoom(why, sizeof(why));
    if (group->refused) {
        RefuseForSpace(group, why);
    } else {
        pg::EndTrouble(supervisor.status, kDiskSpace);
        pg::StorePushes(group->jobs, group->count, group->context);
    }
    SetStoringBytes(0);
    for (int i = 0; i < group->count; ++i) {
        Gateway* const gateway = group->gateways[i];
        if (gateway->state == GatewayState::kNone) continue;
        Send(&gateway->channel, protocol::FrameType::kReceipt, group->request_ids[i],
             group->jobs[i].receipt);
    }
    Count(*group);
    pgstat_report_activity(STATE_IDLE, activity);
}

// GiveBackMemory returns the memory of a large push to the system, because the next large push may
// be an hour away.
void GiveBackMemory(Group* group) {
    MemoryContextReset(group->context);
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

// TakeTurn stores the pushes and answers the requests that have come. It returns false if there was
// nothing to do.
bool TakeTurn(Group* group) {
    // Free the memory of the last iteration's large push only now: until the end of that iteration
    // it was in use.
    if (group->alone) GiveBackMemory(group);
    NewGroup(group);
    TakeAllFrames(group);
    const bool stored = group->count > 0;
    if (stored) StoreGroup(group);
    const bool enrolled = AdvanceEnrollments(group->context);
    return AnswerQuestion(group) || enrolled || stored;
}

}  // namespace

void RunIngestWorker(int index) {
    pg::WorkerStatus* const status = Begin(pg::WorkerKind::kIngest, index);
    pg::ConnectToDatabase();
    pg::HoldWorkLocksAs(index);
    Group group = {};
    group.context =
        AllocSetContextCreate(TopMemoryContext, "pganalytics group", ALLOCSET_DEFAULT_SIZES);
    ServeGateways(&supervisor, status, protocol::GatewayRole::kCollectors, pg::kIngestRole,
                  [&group] { return TakeTurn(&group); });
}

}  // namespace pganalytics::bgworker
