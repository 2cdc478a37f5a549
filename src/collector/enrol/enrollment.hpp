// Enrollment: the requests by which a collector gets and renews its certificate.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "collector/life/config.hpp"
#include "collector/life/state.hpp"
#include "collector/push/https_client.hpp"

namespace pganalytics::collector {

// Send is HttpsClient::Send; tests replace it.
using Send = std::function<Answer(const Link&, const Request&)>;

// Failure says why nothing was stored, and how long to wait before a retry.
struct Failure {
    std::string message;
    int status = 0;  // HTTP status of the answer; 0 if the failure does not come from a status
    Millis retry_after{0};
    NoAnswer why = NoAnswer::kOther;
};
template <typename T>
using Outcome = std::variant<T, Failure>;

// FetchTrust requests the trust document over `link` and tests it: the document is accepted only if
// the server can be verified by it now. If `config` sets ca_file or pin, these verify the server in
// the test, because they take precedence over any trust document.
Outcome<Trust> FetchTrust(const Link& link, const Config& config, const Send& send);

// Enroll sends a one-time token and a certificate request, and stores the answer in `directory`.
// Before it sends the token, it verifies the server twice: by `link`, and by the trust document
// that the server sends. If a check fails, the token is not used up. `now` is stored as the time
// when the certificate arrived. REQUIRES: the caller holds the directory's lock.
Outcome<State> Enroll(const Link& link, const std::string& token, const Config& config,
                      const StateDirectory& directory, core::TimestampMicros now, const Send& send);

// Renew authenticates with the certificate in `state` and requests one for a new key. It stores the
// new certificate only after the server has accepted it. REQUIRES: the caller holds the directory's
// lock; both members of `state` are set.
Outcome<State> Renew(const State& state, const Config& config, const StateDirectory& directory,
                     core::TimestampMicros now, const Send& send);

}  // namespace pganalytics::collector
