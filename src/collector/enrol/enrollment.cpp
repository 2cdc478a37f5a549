#include "collector/enrol/enrollment.hpp"

#include "core/json_writer.hpp"

namespace pganalytics::collector {
namespace {

Failure Of(const core::Error& error) { return {error.message, 0, Millis{0}}; }

Failure Of(const std::string& what, const Answer& answer) {
    return {what + Describe(answer), answer.status, answer.retry_after, answer.why};
}

Request JsonRequest(const std::string& path, const core::JsonWriter& json) {
    return {Request::Method::kPost, path, {"Content-Type: application/json"}, json.text()};
}

// TryTrust sends the server a health request and verifies the server by the new trust document.
// Returns std::nullopt if the server answered with any status.
std::optional<Failure> TryTrust(const std::string& url, const Trust& trust, const Config& config,
                                const Send& send) {
    Config as_there = config;
    as_there.url = url;
    as_there.token.clear();
    const Link link = MakeLink(as_there, std::nullopt, ServerState{url, trust});
    const Answer answer = send(link, AliveRequest());
    if (answer.status != 0) return std::nullopt;
    return Of("the server is not verified by " + VerifiedBy(link) + " in its trust document: ",
              answer);
}

// Granted makes the new state from the answer to a certificate request. It stores nothing.
Outcome<State> Granted(const Answer& answer, const std::string& url,
                       const CertificateRequest& request, core::TimestampMicros now) {
    const core::Result<Enrolled> enrolled = ParseEnrolled(answer.body);
    if (!enrolled) return Of(enrolled.error());
    const std::string end = enrolled->certificate.ends_with('\n') ? "" : "\n";
    core::Result<Identity> identity =
        ParseIdentity(ReceivedLine(now) + enrolled->certificate + end + request.key_pem);
    if (!identity) return Of({"the server's answer " + identity.error().message});
    return State{std::move(*identity), ServerState{url, enrolled->trust}};
}

// IsFinal: the server refused the request or its sender. The next attempt must use a new request.
bool IsFinal(int status) {
    return Judge(status) == Verdict::kRefused || Judge(status) == Verdict::kDenied;
}

std::optional<Failure> Keep(const State& state, const StateDirectory& directory) {
    if (const core::Status kept = directory.SaveServer(*state.server); !kept) {
        return Of(kept.error());
    }
    if (const core::Status kept = directory.SaveIdentity(*state.identity); !kept) {
        return Of(kept.error());
    }
    return std::nullopt;
}

}  // namespace

Outcome<Trust> FetchTrust(const Link& link, const Config& config, const Send& send) {
    const Answer answer = send(link, {Request::Method::kGet, "/api/v1/pki/trust", {}, {}});
    if (answer.status != 200) return Of("the server's trust document: ", answer);
    core::Result<Trust> trust = ParseTrust(answer.body);
    if (!trust) return Of(trust.error());
    if (auto failure = TryTrust(link.url, *trust, config, send)) return *failure;
    return std::move(*trust);
}

Outcome<State> Enroll(const Link& link, const std::string& token, const Config& config,
                      const StateDirectory& directory, core::TimestampMicros now,
                      const Send& send) {
    if (const auto trust = FetchTrust(link, config, send); std::holds_alternative<Failure>(trust)) {
        return std::get<Failure>(trust);
    }
    const auto request = directory.EnsureRequest();
    if (!request) return Of(request.error());
    core::JsonWriter json;
    json.BeginObject();
    json.Key("token");
    json.String(token);
    json.Key("csr");
    json.String(request->csr_pem);
    json.EndObject();
    const Answer answer = send(link, JsonRequest("/api/v1/collectors/enroll", json));
    if (answer.status != 200) {
        if (IsFinal(answer.status)) (void)directory.DropRequest();
        return Of("", answer);
    }
    Outcome<State> granted = Granted(answer, link.url, *request, now);
    if (std::holds_alternative<Failure>(granted)) return granted;
    if (auto failure = Keep(std::get<State>(granted), directory)) return *failure;
    return granted;
}

Outcome<State> Renew(const State& state, const Config& config, const StateDirectory& directory,
                     core::TimestampMicros now, const Send& send) {
    const auto request = directory.EnsureRequest();
    if (!request) return Of(request.error());
    core::JsonWriter json;
    json.BeginObject();
    json.Key("csr");
    json.String(request->csr_pem);
    json.EndObject();
    const Answer answer = send(MakeLink(config, state.identity, state.server),
                               JsonRequest("/api/v1/collectors/renew", json));
    if (answer.status != 200) {
        if (IsFinal(answer.status)) (void)directory.DropRequest();
        return Of("", answer);
    }
    Outcome<State> granted = Granted(answer, state.server->url, *request, now);
    if (std::holds_alternative<Failure>(granted)) return granted;
    const State& renewed = std::get<State>(granted);
    if (!(renewed.identity->collector_id == state.identity->collector_id)) {
        (void)directory.DropRequest();
        return Failure{"the new certificate is another collector's", 0, Millis{0}};
    }
    const Answer taken = send(MakeLink(config, renewed.identity, renewed.server), WhoAmIRequest());
    if (taken.status != 200) return Of("the new certificate is not accepted yet: ", taken);
    if (auto failure = Keep(renewed, directory)) return *failure;
    return granted;
}

}  // namespace pganalytics::collector
