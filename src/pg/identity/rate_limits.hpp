// Rate limits: the memory that gateways share for requests, the server's own for logins, and the
// limits as the settings have them.
#pragma once

#include "core/rate_table.hpp"
#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// RateLimitBytes is what StartRateLimits takes of the shared memory segment. Both are called by the
// hooks for it (shmem.cpp); StartRateLimits makes everything anew, after a crash too.
size_t RateLimitBytes();
void StartRateLimits();

// RequestRatesFd is the memory of requests, to be handed to gateways; -1: there is none, and they
// limit nothing. FillRates puts it and the limits now in force into what a gateway is told.
int RequestRatesFd();
void FillRates(protocol::GatewayConfig* config);

// RateCount is the number of buckets of both memories, used or not. ReadRate gives what is in one,
// and whether its client would be refused now. False for one not in use.
uint32 RateCount();
bool ReadRate(uint32 i, core::RateUse* use, bool* exhausted);

// SinceNs is the time that has passed since a time of RateUse; 0 for one that is yet to come.
uint64 SinceNs(uint64 at_ns);

// TakeLogin is asked before a password is looked at: 0 go on, else the seconds after which the role
// may try again from this address. An attempt counts until ForgiveLogin says that it was right, so
// that one that is cut off counts. `address` is as in ApiRequest; what is none counts as one
// client. REQUIRES: a transaction; SharedMemoryReady().
uint32 TakeLogin(const char* role, const char* address);

// ForgiveLogin: the password was right. The role's failures from this network are forgotten.
void ForgiveLogin(const char* role, const char* address);

}  // namespace pganalytics::pg
