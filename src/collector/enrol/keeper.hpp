// Keeper: keeps certificate and trust of a running collector good.
#pragma once

#include <string>

#include "collector/enrol/enrollment.hpp"
#include "collector/life/trouble.hpp"
#include "core/clock.hpp"

namespace pganalytics::collector {

// A server that changes its key does so gateway by gateway: for how long the pins of the trust
// document before count beside the new ones.
inline constexpr std::chrono::seconds kPinOverlap{60};

// How often Tend is to be called at least: the wall clock may jump, and an enrolment may be done
// beside this process.
inline constexpr std::chrono::seconds kKeeperRound{5};

// Keeper is used by the thread that pushes, between two pushes. Without a certificate it has
// nothing to do but to see whether one has come. REQUIRES: all outlive it.
class Keeper {
  public:
    Keeper(const Config* config, const core::Clock* clock, Send send);

    // link is how to reach pganalytics now.
    const Link& link() const { return link_; }

    // Tend does what is due: takes over what another process has written into the state directory,
    // fetches a new trust document, renews the certificate. What fails is tried again after a
    // back-off and logged once per change; until then everything stays as it was. `random` is
    // uniform in [0, 1). True when the link has changed: what was refused may be taken now.
    bool Tend(double random);

    // SawTrustVersion takes what a receipt says of the server's trust document.
    void SawTrustVersion(uint64_t version);

  private:
    // Task is something that is due, may fail, and is then due again later.
    struct Task {
        std::chrono::steady_clock::time_point not_before{};
        int failures = 0;
        Trouble trouble;
    };

    void MakeLinkAgain();
    bool Reload();
    bool FetchNewTrust(double random);
    bool RenewCertificate(double random);
    std::optional<StateLock> Lock(Task* task, const std::string& what, double random);
    void Failed(Task* task, const std::string& what, const Failure& failure, double random);
    void Take(State state);

    const Config* config_;
    const core::Clock* clock_;
    Send send_;
    StateDirectory directory_;
    State state_;
    Link link_;
    std::string version_;  // of the directory, when it was read or written
    std::optional<uint64_t> offered_trust_;
    std::string former_pins_;  // in the link until former_until_
    std::chrono::steady_clock::time_point former_until_{};
    Task trust_;
    Task renewal_;
    Trouble reading_;
};

}  // namespace pganalytics::collector
