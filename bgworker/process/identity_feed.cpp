// Identity feed: keeps one copy of keys and certificates for all gateways of this process.
#include "bgworker/process/identity_feed.hpp"

#include "bgworker/process/worker.hpp"
#include "pg/base/trouble.hpp"
#include "pg/identity/identity.hpp"
#include "pg/identity/identity_state.hpp"

namespace pganalytics::bgworker {
namespace {

constexpr int kRetryMs = 1000;
constexpr char kTopic[] = "read keys";

MemoryContext kept = nullptr;  // holds the data of `identity`
protocol::Identity identity;   // version 0: nothing was read yet
core::Timer retry;

void Read(Supervisor* supervisor) {
    MemoryContext const fresh =
        AllocSetContextCreate(TopMemoryContext, "pganalytics identity", ALLOCSET_DEFAULT_SIZES);
    protocol::Identity read;
    ErrorData* const error = pg::ReadIdentity(supervisor->role, fresh, &read);
    if (error == nullptr) {
        if (kept != nullptr) MemoryContextDelete(kept);
        kept = fresh;
        identity = read;
        pg::EndTrouble(supervisor->status, kTopic);
        return;
    }
    retry.Start(Now(), kRetryMs);
    MemoryContextDelete(fresh);
    pg::ReportTrouble(supervisor->status, kTopic, error->sqlerrcode,
                      "could not read keys and certificates: %s", error->message);
    FreeErrorData(error);
}

}  // namespace

void FeedIdentity(Supervisor* supervisor) {
    const bool stale = identity.version != pg::IdentityVersion() + 1;
    if (stale && retry.IsDue(Now())) Read(supervisor);
    if (identity.version == 0) return;
    for (Gateway& gateway : supervisor->gateways) {
        if (gateway.state == GatewayState::kNone || gateway.identity_version == identity.version) {
            continue;
        }
        Send(&gateway.channel, protocol::FrameType::kIdentity, 0, identity);
        gateway.identity_version = identity.version;
        if (!Flush(&gateway.channel)) MarkFailed(&gateway, "takes no frames");
    }
}

std::string_view TrustDocument() { return identity.trust; }

}  // namespace pganalytics::bgworker
