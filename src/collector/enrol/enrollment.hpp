// Enrollment: the requests that give a collector its certificate, and what is kept of the answers.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "collector/life/config.hpp"
#include "collector/life/state.hpp"
#include "collector/push/https_client.hpp"

namespace pganalytics::collector {

// Send is HttpsClient::Send; tests put something else in its place.
using Send = std::function<Answer(const Link&, const Request&)>;

// Failure says why nothing was kept, and how the server wants it asked again.
struct Failure {
    std::string message;
    int status = 0;  // of the answer, 0 when there was none or it is not the answer's fault
    Millis retry_after{0};
    NoAnswer why = NoAnswer::kOther;
};
template <typename T>
using Outcome = std::variant<T, Failure>;

// FetchTrust asks for the trust document over `link` and tries what it says: the document counts
// only if the server can be verified by it as it serves now. `others` is the configuration, whose
// ca_file and pin would decide instead.
Outcome<Trust> FetchTrust(const Link& link, const Config& config, const Send& send);

// Enroll sends a one-time token and a request for a certificate over `link`, and keeps what comes
// back in `directory`. The server is verified twice before the token leaves: as `link` says and as
// its own trust document says, so that a token is not spent on an enrolment that cannot be used.
// `now` is noted with the certificate. REQUIRES: the caller has the directory's lock.
Outcome<State> Enroll(const Link& link, const std::string& token, const Config& config,
                      const StateDirectory& directory, core::TimestampMicros now, const Send& send);

// Renew asks for a certificate for a new key with the one in `state`. The new one is kept only
// after the server has taken it. REQUIRES: as Enroll; both members of `state` are there.
Outcome<State> Renew(const State& state, const Config& config, const StateDirectory& directory,
                     core::TimestampMicros now, const Send& send);

}  // namespace pganalytics::collector
