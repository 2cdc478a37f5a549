// Signature: lets receivers recognise a repeated delivery, and verify that pganalytics sent it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/courier_messages.hpp"

namespace pganalytics::courier {

// SignatureOf is the value of X-Pganalytics-Signature: "t=<now>,v1=<hex>", where <hex> is the
// HMAC-SHA256 of "<now>.<body>". `now` is Unix time in seconds.
std::string SignatureOf(std::string_view secret, std::string_view body, int64_t now);

// DeliveryId returns 32 hex digits. They are the same for each attempt of a delivery and differ
// between deliveries.
std::string DeliveryId(const protocol::Delivery& delivery);

}  // namespace pganalytics::courier
