// Link: the one frame that comes from the worker, and the one that goes back.
#pragma once

#include <string>
#include <vector>

#include "core/result.hpp"
#include "protocol/ca_messages.hpp"

namespace pganalytics::ca {

// Request owns the bytes that its messages only view.
struct Request {
    std::string payload;
    protocol::CaRequest head;
    std::vector<protocol::CaIssue> issues;
    std::vector<protocol::CaRevoked> revoked;
};

// ReadRequest reads a frame from a descriptor. Errors: the end before it was whole, bytes that are
// no request.
core::Result<Request> ReadRequest(int fd);

// WriteReply writes a reply of this payload, whole.
core::Status WriteReply(int fd, const std::string& payload);

}  // namespace pganalytics::ca
