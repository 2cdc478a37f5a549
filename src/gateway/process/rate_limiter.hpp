// Rate limiter: the rate limits of addresses and collectors, counted in memory that all gateways of
// the server share.
#pragma once

#include <optional>

#include "core/address.hpp"
#include "core/rate_table.hpp"
#include "core/result.hpp"
#include "core/types.hpp"
#include "http/exchange.hpp"
#include "http/response.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::gateway {

class RateLimiter {
  public:
    // Open maps the memory and closes its descriptor. REQUIRES: the sandbox is not in force yet.
    // Errors: the worker's limits are out of range; the descriptor is not memory of the configured
    // size.
    static core::Result<RateLimiter> Open(const protocol::GatewayConfig& config);

    // TakeAddress counts a request of an address. It is called when a connection is accepted, and
    // again for each request after the first: the connection and its first request count as one. It
    // returns 0 if the request is allowed, else the seconds after which this address may retry. All
    // addresses of an IPv6 /64 count as one.
    unsigned TakeAddress(const core::Address& address);

    // TakeCollector counts a request of a collector. It returns std::nullopt if the request is
    // allowed, else 429. Before a 429 it reads the body if that is small, so that the connection
    // stays usable. It does not count a zero id: such a request is limited only by its address.
    http::Task<std::optional<http::Response>> TakeCollector(http::Exchange& exchange,
                                                            const core::Uuid& collector_id);

  private:
    explicit RateLimiter(const protocol::GatewayConfig& config)
        : address_(core::PerSecond(config.address_rate, config.address_burst)),
          collector_(core::PerSecond(config.collector_rate, config.collector_burst)) {}
    unsigned Take(const core::RateKey& key, const core::RateLimit& limit);

    core::RateTable table_;
    core::RateLimit address_;
    core::RateLimit collector_;
};

}  // namespace pganalytics::gateway
