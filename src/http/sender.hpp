// Sender: whom the limits of memory and connections count as one.
#pragma once

#include <array>
#include <compare>
#include <cstring>

#include "core/address.hpp"
#include "core/types.hpp"

namespace pganalytics::http {

// Sender is a network of clients (core::NetworkOf), or somebody whom a handler knows by an id.
struct Sender {
    static Sender OfNetwork(const core::Address& client) {
        return Make(Kind::kNetwork, core::NetworkOf(client).bytes);
    }
    static Sender WithId(const core::Uuid& id) { return Make(Kind::kKnown, id.bytes); }

    friend auto operator<=>(const Sender&, const Sender&) = default;

  private:
    enum class Kind : unsigned char { kNetwork, kKnown };
    static Sender Make(Kind kind, const unsigned char (&bytes)[16]) {
        Sender sender;
        sender.kind_ = kind;
        std::memcpy(sender.bytes_.data(), bytes, sizeof(bytes));
        return sender;
    }

    Kind kind_ = Kind::kNetwork;
    std::array<unsigned char, 16> bytes_ = {};
};

}  // namespace pganalytics::http
