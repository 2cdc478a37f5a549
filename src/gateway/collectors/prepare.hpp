// Prepare: from the body of a push to the frame for the worker. No connections in it and nothing
// shared, so that a large push can be prepared beside the event loop.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/buffer.hpp"
#include "core/result.hpp"
#include "ingest/decode.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::gateway {

// PushKey is what a retry of the same push has in common with it.
struct PushKey {
    core::Uuid key;
    bool has_sequence = false;
    int64_t epoch = 0;
    int64_t sequence = 0;
};

// MakePushKey reads the Idempotency-Key header: "<epoch>:<sequence>", two integers of 64 bits, or
// up to 255 printable ASCII characters of the sender's choice. Without the header ("") the body as
// received is the key. Errors: 400.
core::Result<PushKey> MakePushKey(std::string_view idempotency_key, std::string_view body);

// A body of more bytes, inflated, is a large one and is prepared on a thread of its own.
inline constexpr uint64_t kLargeBodyBytes = 1 << 20;

// MayBeLarge is false for a body that takes the event loop at most a few milliseconds, or that
// turns out to be large within them: see PreparePush.
bool MayBeLarge(std::string_view body);

// PushSender is who has sent a push, as the worker has said and the request's head tells.
struct PushSender {
    core::Uuid collector_id;
    protocol::Credential credential;
    uint32_t max_queries_per_db = 0;
    std::string idempotency_key;  // "" none; else MakePushKey takes it
};

struct PreparedPush {
    std::string frame;  // without its request id
    uint64_t body_bytes = 0;
    std::string unstored;  // as in protocol::Push
};

// PreparePush hashes, inflates and decodes `body`, whose memory it gives back on the way: only the
// frame is left. Errors: 400, 403, 413, 422 as the body deserves; "<JSON path>: <reason>" where a
// place in it is at fault. 413 and the body left as it was when it inflates to more than `limit`.
core::Result<PreparedPush> PreparePush(const PushSender& sender, core::Buffer* body, uint64_t limit,
                                       ingest::Decoder* decoder);

}  // namespace pganalytics::gateway
