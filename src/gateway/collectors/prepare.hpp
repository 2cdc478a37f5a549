// Prepare: turns the body of a push into the frame for the worker. It uses no connection and no
// shared data, so that a large push can be prepared outside of the event loop.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/buffer.hpp"
#include "core/result.hpp"
#include "ingest/decode.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::gateway {

// PushKey identifies a push: a retry of the same push has the same key.
struct PushKey {
    core::Uuid key;
    bool has_sequence = false;
    int64_t epoch = 0;
    int64_t sequence = 0;
};

// MakePushKey makes the key from the Idempotency-Key header. The header is "<epoch>:<sequence>"
// (two integers of 64 bits) or any other 1 to 255 printable ASCII characters. Without the header
// (""), MakePushKey makes the key from the body as received. Errors: 400.
core::Result<PushKey> MakePushKey(std::string_view idempotency_key, std::string_view body);

// A body that has more bytes than this after inflating is large: the side thread prepares it.
inline constexpr uint64_t kLargeBodyBytes = 1 << 20;

// MayBeLarge returns false if PreparePush may run in the event loop with limit kLargeBodyBytes. It
// then takes a few milliseconds at most, even if it fails because the body inflates to more.
bool MayBeLarge(std::string_view body);

// PushSender is the sender of a push: what the worker has said about the sender, and the
// Idempotency-Key of the push.
struct PushSender {
    core::Uuid collector_id;
    protocol::Credential credential;
    uint32_t max_queries_per_db = 0;
    std::string idempotency_key;  // "": none; otherwise MakePushKey accepts it
};

struct PreparedPush {
    std::string frame;  // with request id 0
    uint64_t body_bytes = 0;
    std::string unstored;  // as in protocol::Push
};

// PreparePush makes the frame of a push: it hashes, inflates and decodes `body`. It frees the
// body's memory, so that only the frame is left. Errors: 400, 403, 413, 422. If one place in the
// body is at fault, the message is "<JSON path>: <reason>". If the body inflates to more than
// `limit`, the error is 413 and the body is unchanged.
core::Result<PreparedPush> PreparePush(const PushSender& sender, core::Buffer* body, uint64_t limit,
                                       ingest::Decoder* decoder);

}  // namespace pganalytics::gateway
