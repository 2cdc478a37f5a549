// Messages: the payload of each frame type, as a struct with an encoder and a decoder. VisitFields
// lists the fields of a struct once, for both. Strings are views: into the frame's buffer after
// Decode, into the caller's memory before Encode. The structs are trivially destructible: a worker
// holds them across an ERROR, which skips destructors.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "core/bytes.hpp"
#include "core/siphash.hpp"
#include "core/types.hpp"
#include "protocol/credential.hpp"
#include "protocol/frame.hpp"
#include "protocol/worker_counters.hpp"

namespace pganalytics::protocol {

// GatewayRole says whose port a gateway serves. Mtls is pganalytics.mtls: kRequired demands a
// certificate on every route of the collectors' port except those whose sender need not be a
// collector.
enum class GatewayRole : uint32_t { kCollectors, kApi };
enum class Mtls : uint32_t { kOff, kOptional, kRequired };

// MetricsAccess is pganalytics.metrics_access: who may read GET /metrics on the port for people.
enum class MetricsAccess : uint32_t { kAuthenticated, kAnyone };

// GatewayConfig is all settings of a gateway; they do not change while the gateway runs. The
// listening sockets are descriptors kFirstListenerFd, +1, ...; the next descriptor is the shared
// memory of the rate limits, if there is one.
struct GatewayConfig {
    uint32_t listeners = 0;
    uint32_t max_connections = 0;
    uint32_t max_idle_connections = 0;
    uint32_t connection_lifetime_ms = 0;
    uint32_t connection_timeout_ms = 0;
    uint64_t max_body_bytes = 0;
    uint64_t query_text_bytes = 0;  // largest text of a query that is stored
    std::string_view cert_file;
    std::string_view key_file;
    std::string_view ca_file;   // "": clients need no certificate
    std::string_view crl_file;  // revocation lists of the authorities in ca_file; "": none
    GatewayRole role = GatewayRole::kCollectors;
    Mtls mtls = Mtls::kOff;
    uint32_t rate_slots = 0;     // of the rate table (core/rate_table.hpp); 0: there is none
    uint32_t address_rate = 0;   // requests a second; 0: no limit
    uint32_t address_burst = 0;  // requests at once, at least 1
    uint32_t collector_rate = 0;
    uint32_t collector_burst = 0;
    core::SipKey rate_secret;
    MetricsAccess metrics_access = MetricsAccess::kAuthenticated;

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.listeners, m.max_connections, m.max_idle_connections, m.connection_lifetime_ms,
              m.connection_timeout_ms, m.max_body_bytes, m.query_text_bytes, m.cert_file,
              m.key_file, m.ca_file, m.crl_file, m.role, m.mtls, m.rate_slots, m.address_rate,
              m.address_burst, m.collector_rate, m.collector_burst, m.rate_secret,
              m.metrics_access);
    }
};
inline constexpr int kWorkerFd = 3;
inline constexpr int kFirstListenerFd = 4;

// Drain asks a gateway to accept no more connections, finish its requests and exit. If `refuse` is
// set, the gateway answers the requests that wait for a receipt with 503 and exits at once.
struct Drain {
    uint32_t grace_ms = 0;
    uint32_t refuse = 0;

    static void VisitFields(auto& m, auto&& visit) { visit(m.grace_ms, m.refuse); }
};

// Draining answers a Drain: from now on the gateway accepts no connections.
struct Draining {
    uint64_t connections_open = 0;  // connections that the gateway still has

    static void VisitFields(auto& m, auto&& visit) { visit(m.connections_open); }
};

struct Ready {
    uint32_t sandboxed = 0;  // 0 if the platform has no sandbox
    uint32_t reserved = 0;
    std::string_view certificate_sha256;  // of the DER, lower-case hex

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.sandboxed, m.reserved, m.certificate_sha256);
    }
};

struct Failed {
    std::string_view message;

    static void VisitFields(auto& m, auto&& visit) { visit(m.message); }
};

struct LogLine {
    uint32_t warning = 0;  // 0: LOG, 1: WARNING
    std::string_view message;

    static void VisitFields(auto& m, auto&& visit) { visit(m.warning, m.message); }
};

// Counters are totals since the gateway started. They are sent once a second, also as the sign that
// the gateway is alive.
struct Counters {
    uint64_t connections_open = 0;
    std::array<uint64_t, kGatewayCounters> totals = {};  // by GatewayCounter

    static void VisitFields(auto& m, auto&& visit) { visit(m.connections_open, m.totals); }
    friend bool operator==(const Counters&, const Counters&) = default;
};

// Identity is the keys and certificates that a gateway must know. Each Identity is complete and
// replaces the one before. Requests in progress keep the permission with which they were accepted;
// the new Identity decides about later requests.
struct Identity {
    uint64_t version = 0;         // grows with every change
    std::string_view token_keys;  // TokenKeys, concatenated
    std::string_view revoked;     // core::Sha256s of revoked certificates, sorted
    std::string_view crl;         // revocation list of the current authority, DER; "": none
    std::string_view trust;       // the document of GET /api/v1/pki/trust, JSON

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.version, m.token_keys, m.revoked, m.crl, m.trust);
    }
};

// AuthRequest asks the worker who sends a request. The gateway asks before it reads the body. For a
// push, the transaction that stores it checks the credential again. The fields after `credential`
// describe the client certificate. The worker records a certificate from these fields at its first
// use if an administrator's authority has issued it.
struct AuthRequest {
    Credential credential;
    int64_t not_before = 0;  // Unix time in seconds
    int64_t not_after = 0;
    std::string_view serial;       // lower-case hex without leading zeros; "" with no certificate
    std::string_view issuer;       // key identifier of the authority, lower-case hex
    std::string_view subject;      // as RFC 2253 writes it
    std::string_view certificate;  // DER

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.credential, m.not_before, m.not_after, m.serial, m.issuer, m.subject,
              m.certificate);
    }
};

struct AuthReply {
    uint32_t status = 0;              // 200, 403, 503
    uint32_t max_queries_per_db = 0;  // the limit of this collector, at least 1 with status 200
    core::Uuid collector_id;
    std::string_view message;

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.status, m.max_queries_per_db, m.collector_id, m.message);
    }
};

// HealthRequest asks for the figures of GET /api/v1/metrics/health that the collector may see.
struct HealthRequest {
    core::Uuid collector_id;
    Credential credential;

    static void VisitFields(auto& m, auto&& visit) { visit(m.collector_id, m.credential); }
};

struct HealthReply {
    uint32_t status = 0;    // 200, 403, 503
    std::string_view body;  // with 200 a JSON document, otherwise a message

    static void VisitFields(auto& m, auto&& visit) { visit(m.status, m.body); }
};

// Push describes one push. It is the first part of the payload of a kPush frame. After it come the
// row blocks (rows.hpp): at most one for each metric, and one of kAccounts. Each row of kAccounts
// has the counts of one database. These counts add up to the totals in Push.
// REQUIRES: observed = rows in the blocks + unchanged + merged + too_large.
struct Push {
    core::Uuid collector_id;  // as authenticated
    Credential credential;
    core::Uuid push_key;   // from the Idempotency-Key header, or else from the body
    core::Uuid body_hash;  // first 16 bytes of the SHA-256 of the body as received
    uint32_t has_sequence = 0;
    uint32_t blocks = 0;
    int64_t epoch = 0;
    int64_t sequence = 0;
    uint64_t body_bytes = 0;  // as received
    uint64_t observed = 0;
    uint64_t unchanged = 0;  // rows that the sender says it left out as unchanged
    uint64_t merged = 0;     // rows merged into other rows of this push
    uint64_t too_large = 0;  // rows not passed on, because they are too large
    // A text of a query with more bytes than this is only its beginning: the gateway has cut it.
    uint64_t query_text_bytes = UINT64_MAX;
    uint32_t server_version = 0;  // server_version_num of the monitored server; 0: unknown
    std::string_view server_name;
    std::string_view hostname;
    std::string_view collector_version;
    // JSON object: the names of values that have no column, with their counts. "": there are none.
    std::string_view unstored;

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.collector_id, m.credential, m.push_key, m.body_hash, m.has_sequence, m.blocks,
              m.epoch, m.sequence, m.body_bytes, m.observed, m.unchanged, m.merged, m.too_large,
              m.query_text_bytes, m.server_version, m.server_name, m.hostname, m.collector_version,
              m.unstored);
    }
};

// DiscardReason says why a row was not stored. The receipt and pganalytics.push_ledger have a count
// for each reason.
enum class DiscardReason : uint32_t { kTooOld, kInFuture, kTooLarge, kOverQuota };
inline constexpr uint32_t kDiscardReasons = 4;
inline constexpr std::string_view kDiscardReasonNames[kDiscardReasons] = {
    "too_old", "in_future", "too_large", "over_quota"};

constexpr WorkerCounter CounterOf(DiscardReason reason) {
    return static_cast<WorkerCounter>(static_cast<uint32_t>(WorkerCounter::kDiscardedTooOld) +
                                      static_cast<uint32_t>(reason));
}
static_assert(CounterOf(DiscardReason::kInFuture) == WorkerCounter::kDiscardedInFuture);
static_assert(CounterOf(DiscardReason::kTooLarge) == WorkerCounter::kDiscardedTooLarge);
static_assert(CounterOf(DiscardReason::kOverQuota) == WorkerCounter::kDiscardedOverQuota);

// Receipt answers a push after its commit. Status 200: the counts are exact and durable. Status
// 403, 409, 422, 503: nothing of the push was stored; `message` and `sqlstate` say why.
struct Receipt {
    uint32_t status = 0;
    uint32_t duplicate = 0;  // 1: the push was stored before; the counts are those of that time
    uint32_t retry_after_s = 0;
    std::array<char, 6> sqlstate = {};  // NUL-terminated
    uint64_t observed = 0;
    uint64_t stored = 0;
    uint64_t unchanged = 0;
    uint64_t merged = 0;
    std::array<uint64_t, kDiscardReasons> discarded = {};
    uint64_t commit_lsn = 0;          // a standby that has replayed up to here has the push
    uint32_t max_queries_per_db = 0;  // the limit for the next push; 0: not given
    std::string_view message;
    std::string_view detail;

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.status, m.duplicate, m.retry_after_s, m.sqlstate, m.observed, m.stored, m.unchanged,
              m.merged, m.discarded, m.commit_lsn, m.max_queries_per_db, m.message, m.detail);
    }
};

// EnrollKind says what entitles the sender of an EnrollRequest to a certificate.
enum class EnrollKind : uint32_t {
    kToken,         // a one-time token of create_enrollment_token()
    kRenewal,       // the certificate in `credential`
    kRegistration,  // a registration secret, from a v3 collector; the gateway made the key
};
// EnrollRequest asks for a certificate. The gateway has checked the signature, the key (P-256 or
// P-384) and the size of `csr`. The rest of `csr` is ignored.
struct EnrollRequest {
    EnrollKind kind = EnrollKind::kToken;
    uint32_t reserved = 0;
    Credential credential;
    core::Sha256 secret_sha256;  // of the one-time token or the registration secret
    std::string_view csr;        // certificate request (PKCS #10), DER
    std::string_view name;       // the name that a registering collector claims
    std::string_view hostname;
    std::string_view collector_version;
    std::string_view address;  // of the client

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.kind, m.reserved, m.credential, m.secret_sha256, m.csr, m.name, m.hostname,
              m.collector_version, m.address);
    }
};

struct EnrollReply {
    uint32_t status = 0;  // 200, 403, 409 (the name is taken), 422, 503
    uint32_t retry_after_s = 0;
    core::Uuid collector_id;
    int64_t expires_at = 0;        // of the certificate, Unix time in seconds
    std::string_view certificate;  // PEM, with the certificates up to the authority
    std::string_view token;        // for a registering collector: long-lived, opaque
    std::string_view trust;        // as Identity.trust
    std::string_view message;      // why there is no certificate, if status is not 200

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.status, m.retry_after_s, m.collector_id, m.expires_at, m.certificate, m.token,
              m.trust, m.message);
    }
};

// TokenRequest asks for a signed token for a collector. A signed token in `credential` may have
// expired, but not longer ago than pganalytics.token_refresh_grace. No other message accepts an
// expired token.
struct TokenRequest {
    Credential credential;

    static void VisitFields(auto& m, auto&& visit) { visit(m.credential); }
};

struct TokenReply {
    uint32_t status = 0;  // 200, 403, 503
    uint32_t reserved = 0;
    int64_t expires_at = 0;    // Unix time in seconds
    std::string_view token;    // JWT, ES256
    std::string_view message;  // why there is no token

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.status, m.reserved, m.expires_at, m.token, m.message);
    }
};

// ApiRequest is a request on the port for people.
// If a person asks, the gateway has checked the signature, times and audience of the token. The
// worker checks whether the session and the role still exist.
// If a program that scrapes metrics asks, there is no role. The worker looks up the hash of its
// token. If scrape_certified is 1, there is no token: the gateway has verified a client certificate
// with pganalytics.metrics_client_ca_file.
struct ApiRequest {
    core::Uuid session_id;      // zero: no person asks
    core::Sha256 scrape_token;  // SHA-256 of the token of a program; zero: none was shown
    uint32_t scrape_certified = 0;
    std::string_view role;        // named by the token; "": no person asks
    std::string_view method;      // GET, POST, ...
    std::string_view path;        // without the query
    std::string_view query;       // as sent, without "?"
    std::string_view body;        // JSON, at most kMaxApiBodyBytes
    std::string_view address;     // of the client
    std::string_view request_id;  // for logs and problem documents

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.session_id, m.scrape_token, m.scrape_certified, m.role, m.method, m.path, m.query,
              m.body, m.address, m.request_id);
    }
};
inline constexpr uint32_t kMaxApiBodyBytes = 64u << 10;

struct ApiReply {
    uint32_t status = 0;
    uint32_t retry_after_s = 0;
    std::string_view content_type;  // "" with an empty body
    std::string_view body;          // with 4xx and 5xx: one sentence, for a problem document
    std::string_view file_name;     // the file name for saving the body; "": none
    std::string_view next;          // path and query of the next page; "": none

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.status, m.retry_after_s, m.content_type, m.body, m.file_name, m.next);
    }
};

// Encode appends the payload of a message to `sink`, padded to a multiple of 8.
template <typename Message, typename Container>
void Encode(const Message& message, core::ByteSink<Container>* sink) {
    auto write = [sink](const auto& field) {
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(field)>, std::string_view>) {
            sink->WriteString(field);
        } else {
            sink->Write(field);
        }
    };
    Message::VisitFields(message, [&write](const auto&... field) { (write(field), ...); });
    sink->Align8();
}

// Decode reads a message and its padding. It returns false if the bytes end too early; the message
// must then not be used.
template <typename Message>
bool Decode(core::ByteReader* reader, Message* message) {
    auto read = [reader](auto& field) {
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(field)>, std::string_view>) {
            field = reader->ReadString();
        } else {
            field = reader->Read<std::remove_cvref_t<decltype(field)>>();
        }
    };
    Message::VisitFields(*message, [&read](auto&... field) { (read(field), ...); });
    reader->Align8();
    return !reader->failed();
}

// DecodeWhole decodes a payload that contains exactly one message.
template <typename Message>
bool DecodeWhole(const char* payload, size_t size, Message* message) {
    core::ByteReader reader(payload, size);
    return Decode(&reader, message) && reader.remaining() == 0;
}

// AppendFrame appends header and payload of a message to a container of bytes. REQUIRES: the
// payload has at most kMaxPayloadBytes.
template <typename Container, typename Message>
void AppendFrame(FrameType type, uint32_t request_id, const Message& message, Container* out) {
    const size_t start = out->size();
    FrameHeader header{kFrameMagic, type, kFrameVersion, 0, request_id};
    out->append(reinterpret_cast<const char*>(&header), sizeof(header));
    core::ByteSink<Container> sink(out);
    Encode(message, &sink);
    header.payload_bytes = static_cast<uint32_t>(out->size() - start - sizeof(header));
    std::memcpy(out->data() + start, &header, sizeof(header));
}

}  // namespace pganalytics::protocol
