// Rate limits: counts requests in memory that the server shares with gateways, and logins in memory
// that only the server has. The limits come from the settings.
#pragma once

#include "core/rate_table.hpp"
#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// RateLimitBytes returns how much of the shared memory segment StartRateLimits needs. The hooks in
// shmem.cpp call both. StartRateLimits initializes everything, also when PostgreSQL makes its
// shared memory again after a crash.
size_t RateLimitBytes();
void StartRateLimits();

// RequestRatesFd returns the descriptor of the memory for requests, which gateways inherit. It
// returns -1 if there is no such memory. Gateways then limit nothing. FillRates adds the limits now
// in force to the configuration of a gateway.
int RequestRatesFd();
void FillRates(protocol::GatewayConfig* config);

// RateCount returns the number of buckets in both memories, used or not. ReadRate reads one bucket
// and sets *exhausted if the bucket's client would be refused now. ReadRate returns false for a
// bucket that is not in use.
uint32 RateCount();
bool ReadRate(uint32 i, core::RateUse* use, bool* exhausted);

// SinceNs returns the nanoseconds since `at_ns`, a time from RateUse; 0 if it is in the future.
uint64 SinceNs(uint64 at_ns);

// TakeLogin counts an attempt to log in. Call it before checking the password. It returns 0 if the
// attempt is allowed, otherwise the seconds after which the role may try again from this address.
// The attempt counts as failed until ForgiveLogin is called. So an attempt that is cut off counts
// as failed, too. `address` is as in ApiRequest; all invalid addresses count as one client.
// REQUIRES: a transaction; SharedMemoryReady().
uint32 TakeLogin(const char* role, const char* address);

// ForgiveLogin must be called if the password was right. It clears the failures of this role from
// this network. In the counts for the role alone and for the network alone, it takes back only this
// attempt.
void ForgiveLogin(const char* role, const char* address);

}  // namespace pganalytics::pg
