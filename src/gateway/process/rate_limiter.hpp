// Rate limiter: the limits of addresses and collectors, counted in the memory that all gateways of
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
    // Open maps the memory and closes its descriptor. REQUIRES: before the sandbox. Errors: the
    // descriptor is no memory of the size that the worker says.
    static core::Result<RateLimiter> Open(const protocol::GatewayConfig& config);

    // TakeAddress counts a connection with its first request, or a further one: 0, or the seconds
    // after which its address may come again. An IPv6 client counts as its /64.
    unsigned TakeAddress(const core::Address& address);

    // TakeCollector counts a request of a collector: nothing, or 429. The connection can go on:
    // a small body is read first. A zero id, of which only the address is known, is not counted.
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
