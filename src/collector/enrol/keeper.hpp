// Keeper: renews the certificate and the trust document of a running collector.
#pragma once

#include <string>

#include "collector/enrol/enrollment.hpp"
#include "collector/life/trouble.hpp"
#include "core/clock.hpp"

namespace pganalytics::collector {

// kPinOverlap is how long the pins of the previous trust document are accepted beside the new ones.
// During a key change some gateways of the server still have the old key.
inline constexpr std::chrono::seconds kPinOverlap{60};

// kKeeperRound is the longest time between two calls of Tend. Tend must be called so often because
// the wall clock may jump and another process may enrol.
inline constexpr std::chrono::seconds kKeeperRound{5};

// Keeper belongs to the thread that pushes. That thread calls Tend between two pushes. If there is
// no certificate, Tend only checks whether one has arrived. REQUIRES: `clock` and `send` outlive
// the Keeper.
class Keeper {
  public:
    Keeper(const Config& config, const core::Clock* clock, Send send);

    // Use takes over a changed configuration. Certificate and trust document stay.
    // REQUIRES: collector_id and state_dir are as before.
    void Use(const Config& config);

    // link is the current way to reach pganalytics.
    const Link& link() const { return link_; }

    // Tend does what is due, in this order:
    //   It loads what another process has written to the state directory.
    //   It reads token_file again if a push was denied.
    //   It fetches a new trust document.
    //   It renews the certificate.
    // If a step fails, the link stays as it is and a later call retries the step. Trouble limits
    // how often failures are logged. `random` is uniform in [0, 1). Tend returns true if it has
    // taken a new certificate, token or trust document: the server may now accept what it refused
    // before.
    bool Tend(double random);

    // SawTrustVersion stores the version of the server's trust document that a receipt names. If we
    // have another version, Tend fetches the document.
    void SawTrustVersion(uint64_t version);

    // SawDenial: the server does not accept this sender. Until a token_file has another token, Tend
    // looks for one.
    void SawDenial() { denied_ = true; }

  private:
    // Task is the schedule of one step that is retried when it fails.
    struct Task {
        std::chrono::steady_clock::time_point not_before{};
        int failures = 0;
        Trouble trouble;
    };

    void MakeLinkAgain();
    bool Reload();
    bool ReadTokenAgain();
    bool FetchNewTrust(double random);
    bool RenewCertificate(double random);
    std::optional<StateLock> Lock(Task* task, const std::string& what, double random);
    void Failed(Task* task, const std::string& what, const Failure& failure, double random);
    void Take(State state);

    Config config_;
    const core::Clock* clock_;
    Send send_;
    StateDirectory directory_;
    State state_;
    Link link_;
    std::string version_;  // Version() of directory_ when we last read or wrote it
    std::optional<uint64_t> offered_trust_;
    std::string former_pins_;  // of the previous trust document; accepted until former_until_
    std::chrono::steady_clock::time_point former_until_{};
    Task trust_;
    Task renewal_;
    Trouble reading_;
    bool denied_ = false;
    Trouble token_;
};

}  // namespace pganalytics::collector
