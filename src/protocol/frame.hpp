// Frames: the messages on the socketpair between a worker and its gateway. A frame is a header of
// 16 bytes and a payload whose length is a multiple of 8, in the machine's byte order. Each side
// treats its input as hostile; docs/reference/protocol.md has the layout.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pganalytics::protocol {

enum class FrameType : uint16_t {
    // worker -> gateway
    kConfig = 1,       // GatewayConfig; the first frame to a gateway
    kDrain = 2,        // Drain
    kAuthReply = 3,    // AuthReply
    kReceipt = 4,      // Receipt
    kHealthReply = 5,  // HealthReply
    kIdentity = 6,     // Identity; before the gateway's first connection, and after each change
    kEnrollReply = 7,  // EnrollReply
    kTokenReply = 8,   // TokenReply
    kApiReply = 9,     // ApiReply
    // gateway -> worker
    kReady = 64,          // Ready; the gateway accepts connections
    kFailed = 65,         // Failed; the gateway could not start and exits
    kLog = 66,            // LogLine
    kCounters = 67,       // Counters
    kAuthRequest = 68,    // AuthRequest
    kPush = 69,           // Push, then its row blocks
    kHealthRequest = 70,  // HealthRequest
    kEnrollRequest = 71,  // EnrollRequest
    kTokenRequest = 72,   // TokenRequest
    kApiRequest = 73,     // ApiRequest
    kDraining = 74,       // Draining
    kRefused = 75,        // Refused (refusals.hpp)
    // maintenance worker -> pganalytics-ca -> maintenance worker
    kCaRequest = 128,  // CaRequest, then its items
    kCaReply = 129,    // CaReply, then its items
    // alerts worker -> pganalytics-courier -> alerts worker; the courier also sends kReady and
    // kFailed
    kCourierConfig = 192,  // CourierConfig; the first frame to a courier
    kDelivery = 193,       // Delivery
    kDelivered = 194,      // Delivered
};

// FrameHeader opens each frame. An answer has the `request_id` of its request; other frames have 0.
struct FrameHeader {
    uint32_t magic;
    FrameType type;
    uint16_t version;
    uint32_t payload_bytes;
    uint32_t request_id;
};
static_assert(sizeof(FrameHeader) == 16);

inline constexpr uint32_t kFrameMagic = 0x46414750;  // "PGAF"
inline constexpr uint16_t kFrameVersion = 1;

// kMaxPayloadBytes, kMaxRowsPerPush and kMaxCellBytesPerPush limit one push on the socketpair. They
// let through the whole buffer of a v3 collector, up to 50 MiB of JSON. If they did not, the
// collector would send the same buffer again and again.
// kMaxRowsPerPush: the smallest rows, those of connections, have 110 bytes, so 50 MiB hold at most
// 477,000 rows. With many tables, nearly all rows are of pg_schema: 310,000 rows of 170 bytes each.
// kMaxCellBytesPerPush: the cells have their own limit, because 10 bytes of hostile JSON can need
// 300 bytes of cells. The cells of 220,000 query rows fit.
inline constexpr uint32_t kMaxPayloadBytes = 256u << 20;
inline constexpr uint32_t kMaxRowsPerPush = 500000;
inline constexpr uint64_t kMaxCellBytesPerPush = uint64_t{64} << 20;

// kLargePushBytes is the size from which a push is large. Large pushes go to the worker after the
// other pushes, one at a time, and each gets a transaction of its own. 10,000 queries make about
// this size.
inline constexpr uint32_t kLargePushBytes = 4u << 20;

// IsValidHeader checks everything that can be checked before the payload is read.
constexpr bool IsValidHeader(const FrameHeader& header) {
    return header.magic == kFrameMagic && header.version == kFrameVersion &&
           header.payload_bytes <= kMaxPayloadBytes && header.payload_bytes % 8 == 0;
}

}  // namespace pganalytics::protocol
