// Link: reads the one request from the worker and writes the one reply.
#pragma once

#include <string>
#include <vector>

#include "core/result.hpp"
#include "protocol/ca_messages.hpp"

namespace pganalytics::ca {

// Request owns the bytes that its messages point into.
struct Request {
    std::string payload;
    protocol::CaRequest head;
    std::vector<protocol::CaIssue> issues;
    std::vector<protocol::CaRevoked> revoked;
};

// ReadRequest reads one frame from a descriptor. Errors: the input cannot be read or ends too
// early, or the bytes are no request.
core::Result<Request> ReadRequest(int fd);

// WriteReply writes a reply frame with this payload.
core::Status WriteReply(int fd, const std::string& payload);

}  // namespace pganalytics::ca
