// Identity feed: keeps the gateways of a worker informed of keys and certificates.
#pragma once

#include <string_view>

#include "bgworker/process/supervisor.hpp"

namespace pganalytics::bgworker {

// FeedIdentity reads the tables when something was committed to them since it last did, and sends
// the result to every gateway that does not have it. Called every turn; a gateway accepts nothing
// before it has the first one. When the tables cannot be read, gateways keep what they have, the
// worker's row says why, and it is tried again a second later.
// REQUIRES: no transaction in progress; the worker's role in force.
void FeedIdentity(Supervisor* supervisor);

// TrustDocument is the document of GET /api/v1/pki/trust as it was last sent; "" before.
std::string_view TrustDocument();

}  // namespace pganalytics::bgworker
