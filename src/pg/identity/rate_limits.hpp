// Rate limits: memory shared with gateways for requests, memory of the server alone for logins, and
// the limits from the settings.
#pragma once

#include "core/rate_table.hpp"
#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// RateLimitBytes is the part of the shared memory segment that StartRateLimits needs. The shared
// memory hooks (shmem.cpp) call both. StartRateLimits initializes everything, after a crash too.
size_t RateLimitBytes();
void StartRateLimits();

// RequestRatesFd is the descriptor of the memory for requests, which gateways inherit. -1: there is
// none, and gateways limit nothing. FillRates adds the limits now in force to the configuration of
// a gateway.
int RequestRatesFd();
void FillRates(protocol::GatewayConfig* config);

// RateCount is the number of buckets in both memories, used or not. ReadRate reads one bucket and
// tells whether its client would be refused now. False for a bucket that is not in use.
uint32 RateCount();
bool ReadRate(uint32 i, core::RateUse* use, bool* exhausted);

// SinceNs is the time since a time in RateUse; 0 if that time is in the future.
uint64 SinceNs(uint64 at_ns);

// Call TakeLogin before checking a password. It returns 0, or the seconds after which the role may
// try again from this address. An attempt counts as failed until ForgiveLogin is called, so that an
// attempt that is cut off counts. `address` is as in ApiRequest; all invalid addresses count as one
// client. REQUIRES: a transaction; SharedMemoryReady().
uint32 TakeLogin(const char* role, const char* address);

// Call ForgiveLogin when the password was right. It clears the failures of the role from this
// network.
void ForgiveLogin(const char* role, const char* address);

}  // namespace pganalytics::pg
