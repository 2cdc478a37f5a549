// Address guard: decides to which addresses a courier may connect. It checks an address at the
// moment of connecting: if it looked up and checked a name earlier, the name could resolve to
// another address later.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/address.hpp"

namespace pganalytics::courier {

// Target is the server that a URL names.
struct Target {
    bool encrypted = true;
    std::string host;  // without brackets
    uint16_t port = 0;
};

enum class Verdict { kAllowed, kNotPublic, kNotEncrypted };

// Judge decides about one connection. If the list of allowed hosts contains the target or the
// address, the connection is allowed. Otherwise the address must be public and the connection must
// be encrypted.
Verdict Judge(std::string_view allowed_hosts, const Target& target, const core::Address& address);

}  // namespace pganalytics::courier
