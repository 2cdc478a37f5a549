// Messages: the payload of each frame type as a struct, with its encoder and its decoder. Strings
// are views: into the frame's buffer after Decode, into the caller's memory before Encode. The
// structs are trivially destructible, so that a worker may hold them across an ERROR. VisitFields
// names each field once, for both directions.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "core/bytes.hpp"
#include "core/types.hpp"
#include "protocol/frame.hpp"

namespace pganalytics::protocol {

// GatewayConfig is everything a gateway is told; it never changes while the gateway lives.
// The listening sockets are descriptors kFirstListenerFd, +1, ...
struct GatewayConfig {
    uint32_t listeners = 0;
    uint32_t max_connections = 0;
    uint32_t max_idle_connections = 0;
    uint32_t connection_lifetime_ms = 0;
    uint32_t connection_timeout_ms = 0;
    uint64_t max_body_bytes = 0;
    std::string_view cert_file;
    std::string_view key_file;
    std::string_view ca_file;       // "" = clients are asked for no certificate
    uint32_t make_certificate = 0;  // 1: make cert_file and key_file if they do not exist

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.listeners, m.max_connections, m.max_idle_connections, m.connection_lifetime_ms,
              m.connection_timeout_ms, m.max_body_bytes, m.cert_file, m.key_file, m.ca_file,
              m.make_certificate);
    }
};
inline constexpr int kWorkerFd = 3;
inline constexpr int kFirstListenerFd = 4;

// Drain asks a gateway to accept no more, finish its requests and leave. `refuse` answers the
// requests that wait for a receipt with 503 and leaves at once.
struct Drain {
    uint32_t grace_ms = 0;
    uint32_t refuse = 0;

    static void VisitFields(auto& m, auto&& visit) { visit(m.grace_ms, m.refuse); }
};

struct Ready {
    uint32_t sandboxed = 0;               // 0 where the platform has no sandbox
    uint32_t made_certificate = 0;        // 1 when this gateway made the certificate
    std::string_view certificate_sha256;  // of the DER, lower-case hex

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.sandboxed, m.made_certificate, m.certificate_sha256);
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

// Counters are totals since the gateway began, sent once a second when one has changed.
struct Counters {
    uint64_t connections_open = 0;
    uint64_t connections_accepted = 0;
    uint64_t requests = 0;
    uint64_t requests_refused = 0;  // answered with 4xx or 5xx, by whomever
    uint64_t handshakes_failed = 0;
    uint64_t deadlines = 0;   // connections closed because a request or answer took too long
    uint64_t evictions = 0;   // idle connections closed before their time
    uint64_t times_full = 0;  // that accepting had to wait until a busy connection ended

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.connections_open, m.connections_accepted, m.requests, m.requests_refused,
              m.handshakes_failed, m.deadlines, m.evictions, m.times_full);
    }
    friend bool operator==(const Counters&, const Counters&) = default;
};

// AuthRequest asks who holds a bearer token before its body is read; the push's own transaction
// checks again.
struct AuthRequest {
    core::Sha256 token_sha256;

    static void VisitFields(auto& m, auto&& visit) { visit(m.token_sha256); }
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

// HealthRequest asks for the figures of GET /api/v1/metrics/health, as the collector may see them.
struct HealthRequest {
    core::Uuid collector_id;
    core::Sha256 token_sha256;

    static void VisitFields(auto& m, auto&& visit) { visit(m.collector_id, m.token_sha256); }
};

struct HealthReply {
    uint32_t status = 0;    // 200, 403, 503
    std::string_view body;  // a JSON document with 200, else a message

    static void VisitFields(auto& m, auto&& visit) { visit(m.status, m.body); }
};

// Push is one request's head; its row blocks follow it in the payload (rows.hpp): at most one of
// each metric, and one of kAccounts, whose rows are by database and add up to the totals here.
// REQUIRES: observed = rows in the blocks + unchanged + merged + too_large.
struct Push {
    core::Uuid collector_id;  // as authenticated
    core::Sha256 token_sha256;
    core::Uuid push_key;   // of the Idempotency-Key header, else of the body
    core::Uuid body_hash;  // first 16 bytes of the SHA-256 of the body as received
    uint32_t has_sequence = 0;
    uint32_t blocks = 0;
    int64_t epoch = 0;
    int64_t sequence = 0;
    uint64_t body_bytes = 0;  // as received
    uint64_t observed = 0;
    uint64_t unchanged = 0;       // the sender's word: read, not sent because nothing had changed
    uint64_t merged = 0;          // folded into other rows of this push
    uint64_t too_large = 0;       // not sent on: larger than a row may be
    uint32_t server_version = 0;  // server_version_num of the monitored server, 0 unknown
    std::string_view server_name;
    std::string_view hostname;
    std::string_view collector_version;
    std::string_view unstored;  // JSON object: what came and fits no column, by name; "" none

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.collector_id, m.token_sha256, m.push_key, m.body_hash, m.has_sequence, m.blocks,
              m.epoch, m.sequence, m.body_bytes, m.observed, m.unchanged, m.merged, m.too_large,
              m.server_version, m.server_name, m.hostname, m.collector_version, m.unstored);
    }
};

// DiscardReason: why a row was not stored. Each is counted in the receipt and in the ledger.
enum class DiscardReason : uint32_t { kTooOld, kInFuture, kTooLarge };
inline constexpr uint32_t kDiscardReasons = 3;
inline constexpr std::string_view kDiscardReasonNames[kDiscardReasons] = {"too_old", "in_future",
                                                                          "too_large"};

// Receipt answers a push, after its commit. status 200: the counts are exact and durable.
// 403, 409, 422, 503: nothing of the push was stored; `message` and `sqlstate` say why.
struct Receipt {
    uint32_t status = 0;
    uint32_t duplicate = 0;  // 1: this push had been stored before; the counts are the first ones
    uint32_t retry_after_s = 0;
    std::array<char, 6> sqlstate = {};  // NUL-terminated
    uint64_t observed = 0;
    uint64_t stored = 0;
    uint64_t unchanged = 0;
    uint64_t merged = 0;
    std::array<uint64_t, kDiscardReasons> discarded = {};
    uint64_t commit_lsn = 0;          // a standby that has replayed to here has the push
    uint32_t max_queries_per_db = 0;  // the limit of the next push; 0: not said
    std::string_view message;
    std::string_view detail;

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.status, m.duplicate, m.retry_after_s, m.sqlstate, m.observed, m.stored, m.unchanged,
              m.merged, m.discarded, m.commit_lsn, m.max_queries_per_db, m.message, m.detail);
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

// Decode reads a message and the padding after it. False if the bytes end too early; the message
// is then not to be used.
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

// DecodeWhole is Decode for a payload that holds one message and nothing else.
template <typename Message>
bool DecodeWhole(const char* payload, size_t size, Message* message) {
    core::ByteReader reader(payload, size);
    return Decode(&reader, message) && reader.remaining() == 0;
}

// AppendFrame writes header and payload of a message to a container of bytes. The payload must
// stay under kMaxPayloadBytes.
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
