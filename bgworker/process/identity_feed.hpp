// Identity feed: keeps the gateways of a worker informed of keys and certificates.
#pragma once

#include <string_view>

#include "bgworker/process/supervisor.hpp"

namespace pganalytics::bgworker {

// FeedIdentity reads the identity tables if they have changed since the last read, and sends the
// result to every gateway that does not have it. Called every turn; a gateway accepts nothing
// before the first one. If the tables cannot be read, gateways keep what they have, the worker's
// row says why, and FeedIdentity retries a second later.
// REQUIRES: no transaction in progress; the current role is that of the worker.
void FeedIdentity(Supervisor* supervisor);

// TrustDocument is the document of GET /api/v1/pki/trust as it was last read; "" before the first
// read.
std::string_view TrustDocument();

}  // namespace pganalytics::bgworker
