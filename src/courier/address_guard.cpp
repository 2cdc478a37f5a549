#include "courier/address_guard.hpp"

#include "core/host_list.hpp"
#include "core/public_address.hpp"

namespace pganalytics::courier {
Verdict Judge(std::string_view allowed_hosts, const Target& target, const core::Address& address) {
    if (core::HostListHas(allowed_hosts, target.host, target.port, address)) {
        return Verdict::kAllowed;
    }
    if (!target.encrypted) return Verdict::kNotEncrypted;
    return core::IsPublic(address) ? Verdict::kAllowed : Verdict::kNotPublic;
}

}  // namespace pganalytics::courier
