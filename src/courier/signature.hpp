// Signature: by what receivers recognise a delivery, and that it is ours.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/courier_messages.hpp"

namespace pganalytics::courier {

// SignatureOf is the value of X-Pganalytics-Signature: "t=<now>,v1=<hex>", where <hex> is the
// HMAC-SHA256 of "<now>.<body>". `now` is Unix time in seconds.
std::string SignatureOf(std::string_view secret, std::string_view body, int64_t now);

// DeliveryId is the same each time that the same is delivered, and another for all else: 32 hex
// digits.
std::string DeliveryId(const protocol::Delivery& delivery);

}  // namespace pganalytics::courier
