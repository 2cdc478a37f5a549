#include "collector/enrol/keeper.hpp"

#include "collector/life/log.hpp"
#include "core/text.hpp"

namespace pganalytics::collector {
namespace {

// If fetching a trust document fails repeatedly, the first kQuietTrustTries failures are not
// logged.
constexpr int kQuietTrustTries = 3;

std::string Day(core::TimestampMicros time) { return core::FormatTimestamp(time - time % 1000000); }

}  // namespace

Keeper::Keeper(const Config& config, const core::Clock* clock, Send send)
    : config_(config),
      clock_(clock),
      send_(std::move(send)),
      directory_(config.state_dir),
      state_(config.state),
      link_(MakeLink(config, state_.identity, state_.server)) {}

void Keeper::Use(const Config& config) {
    config_ = config;
    denied_ = false;
    MakeLinkAgain();
}

bool Keeper::Tend(double random) {
    if (!former_pins_.empty() && clock_->Steady() >= former_until_) {
        former_pins_.clear();
        MakeLinkAgain();
    }
    bool changed = Reload();
    changed |= ReadTokenAgain();
    if (!state_.identity || !state_.server) return changed;
    changed |= FetchNewTrust(random);
    changed |= RenewCertificate(random);
    return changed;
}

void Keeper::SawTrustVersion(uint64_t version) { offered_trust_ = version; }

void Keeper::Take(State state) {
    state_ = std::move(state);
    MakeLinkAgain();
    version_ = directory_.Version();
    renewal_ = Task{};
}

void Keeper::MakeLinkAgain() {
    link_ = MakeLink(config_, state_.identity, state_.server);
    const bool pinned_by_trust = !link_.pins.empty() && config_.pin.empty();
    if (pinned_by_trust && !former_pins_.empty()) link_.pins += ";" + former_pins_;
}

bool Keeper::Reload() {
    if (directory_.path().empty()) return false;
    const std::string version = directory_.Version();
    if (version == version_) return false;
    core::Result<State> read = directory_.Load();
    if (!read) {
        if (reading_.Failed(read.error().message, clock_->Steady())) {
            Log(Level::kError, read.error().message + "; going on with what was read before");
        }
        return false;
    }
    version_ = version;
    reading_.Worked();
    if (read->identity == state_.identity && read->server == state_.server) return false;
    if (!read->identity || !(read->identity->collector_id == config_.collector_id)) {
        // All pushes of this process carry the old collector id, so the process cannot use another
        // collector's certificate.
        Log(Level::kWarning,
            "\"" + directory_.path() + "\" now holds " +
                (read->identity ? "another collector's certificate, " +
                                      core::FormatUuid(read->identity->collector_id)
                                : "no certificate") +
                ": start again to use it");
        return false;
    }
    Log(Level::kInfo, "certificate " + read->identity->serial + " taken over, good until " +
                          Day(read->identity->not_after));
    Take(std::move(*read));
    return true;
}

bool Keeper::ReadTokenAgain() {
    if (!denied_ || config_.token_file.empty()) return false;
    core::Result<std::string> token = ReadTokenFile(config_.token_file);
    if (!token) {
        if (token_.Failed(token.error().message, clock_->Steady())) {
            Log(Level::kError,
                "token_file: " + token.error().message + "; going on with the token read before");
        }
        return false;
    }
    token_.Worked();
    if (*token == config_.token) return false;
    config_.token = *std::move(token);
    denied_ = false;
    MakeLinkAgain();
    Log(Level::kInfo, "another token read from \"" + config_.token_file + "\"");
    return true;
}

bool Keeper::FetchNewTrust(double random) {
    if (!offered_trust_ || *offered_trust_ == state_.server->trust.version) return false;
    if (clock_->Steady() < trust_.not_before) return false;
    const auto lock = Lock(&trust_, "new trust document not fetched", random);
    if (!lock) return false;
    const Outcome<Trust> fetched = FetchTrust(link_, config_, send_);
    if (const Failure* failure = std::get_if<Failure>(&fetched)) {
        // During a key change some gateways still have the old key, and the new document does not
        // verify these. Soon all gateways have the new key, so the first failures are not logged.
        if (trust_.failures < kQuietTrustTries) {
            trust_.not_before =
                clock_->Steady() + BackoffDelay(++trust_.failures, failure->retry_after, random);
            return false;
        }
        Failed(&trust_, "new trust document not taken, keeping the old one", *failure, random);
        return false;
    }
    const ServerState server{state_.server->url, std::get<Trust>(fetched)};
    if (const core::Status kept = directory_.SaveServer(server); !kept) {
        Failed(&trust_, "new trust document not kept", {kept.error().message, 0, Millis{0}},
               random);
        return false;
    }
    // Forget the offered version: the fetched document may be even newer, and the next receipt
    // names a version again.
    offered_trust_.reset();
    trust_ = Task{};
    // If we fetched the version that we have already, the gateways disagree: one names a new
    // version in its receipts, another still sends the old document. Then wait before the next
    // fetch. Otherwise every push would cause a fetch.
    if (server.trust.version == state_.server->trust.version) {
        trust_.not_before = clock_->Steady() + kFirstBackoff;
        return false;
    }
    Log(Level::kInfo, "the server's trust document is now version " +
                          std::to_string(server.trust.version) + ", before " +
                          std::to_string(state_.server->trust.version));
    const Task renewal = renewal_;
    former_pins_ = state_.server->trust.pins;
    former_until_ = clock_->Steady() + kPinOverlap;
    Take({state_.identity, server});
    renewal_ = renewal;
    return true;
}

bool Keeper::RenewCertificate(double random) {
    if (!IsRenewalDue(*state_.identity, clock_->Now()) || clock_->Steady() < renewal_.not_before) {
        return false;
    }
    const auto lock = Lock(&renewal_, "certificate not renewed", random);
    if (!lock) return false;
    Outcome<State> renewed = Renew(state_, config_, directory_, clock_->Now(), send_);
    if (const Failure* failure = std::get_if<Failure>(&renewed)) {
        const bool over = clock_->Now() >= state_.identity->not_after;
        Failed(&renewal_,
               over
                   ? "certificate has expired and is not renewed; enrol again with a new token "
                     "(pganalytics-collector enroll)"
                   : "certificate not renewed, it is good until " + Day(state_.identity->not_after),
               *failure, random);
        return false;
    }
    const State& state = std::get<State>(renewed);
    Log(Level::kInfo, "certificate renewed: " + state.identity->serial + " is good until " +
                          Day(state.identity->not_after));
    if (clock_->Now() >= RenewAt(*state.identity)) {
        Log(Level::kWarning,
            "by this host's clock the new certificate is old already; is the clock right?");
    }
    Take(state);
    return true;
}

// Lock takes the lock of the directory. Returns std::nullopt if another process holds the lock, or
// has changed the directory since this process last read or wrote it.
std::optional<StateLock> Keeper::Lock(Task* task, const std::string& what, double random) {
    core::Result<StateLock> lock = StateLock::ToEnrol(directory_);
    if (!lock) {
        Failed(task, what, {lock.error().message, 0, Millis{0}}, random);
        return std::nullopt;
    }
    if (directory_.Version() != version_) return std::nullopt;  // the next Tend loads the change
    return std::move(*lock);
}

void Keeper::Failed(Task* task, const std::string& what, const Failure& failure, double random) {
    const auto now = clock_->Steady();
    task->not_before = now + BackoffDelay(++task->failures, failure.retry_after, random);
    if (task->trouble.Failed(what + ": " + failure.message, now)) {
        Log(Level::kWarning, what + ": " + failure.message + "; trying again");
    }
}

}  // namespace pganalytics::collector
