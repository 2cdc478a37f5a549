// Identity feed: sends the current keys and certificates to the gateways of a worker.
#pragma once

#include <string_view>

#include "bgworker/process/supervisor.hpp"

namespace pganalytics::bgworker {

// FeedIdentity sends the newest keys and certificates to every gateway that does not have them. It
// reads the identity tables only if they have changed since the last read. The worker calls it in
// every loop iteration. A gateway accepts nothing before its first Identity frame.
// If the tables cannot be read, gateways keep the keys and certificates that they have, the
// worker's row says why, and FeedIdentity retries a second later.
// REQUIRES: no transaction in progress; the current role is that of the worker.
void FeedIdentity(Supervisor* supervisor);

// TrustDocument returns the document of GET /api/v1/pki/trust as FeedIdentity last read it; ""
// before the first read.
std::string_view TrustDocument();

}  // namespace pganalytics::bgworker
