// Channel functions: what SQL asks about the URL of a channel. sql/alerts/channels.sql declares
// them and has checked the characters of the URL.
#include "core/host_list.hpp"
#include "core/public_address.hpp"
#include "pg/base/guc.hpp"

extern "C" {
#include "utils/builtins.h"
}

namespace pganalytics::pg {
namespace {

struct Place {
    bool encrypted;
    std::string_view host;  // without brackets
    uint16_t port;
};

// FindPlace reads scheme, host and port of a URL. It returns false if the host is neither a name
// nor an address, or if there is no such port. The host points into palloc memory.
bool FindPlace(std::string_view url, Place* place) {
    constexpr std::string_view kEncrypted = "https://";
    constexpr std::string_view kPlain = "http://";
    place->encrypted = url.substr(0, kEncrypted.size()) == kEncrypted;
    url.remove_prefix(Min(place->encrypted ? kEncrypted.size() : kPlain.size(), url.size()));
    const std::string_view authority = url.substr(0, url.find_first_of("/?"));
    const size_t colon = authority.rfind(':');
    const size_t bracket = authority.rfind(']');
    const bool has_port =
        colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
    const char* const whole =
        psprintf("%.*s%s", static_cast<int>(authority.size()), authority.data(),
                 has_port ? "" : (place->encrypted ? ":443" : ":80"));
    return core::SplitHostPort(whole, &place->host, &place->port);
}

// AllowsSomeAddress: the list allows a network at this port. Only the address of a name tells then.
bool AllowsSomeAddress(std::string_view list, uint16_t port) {
    core::HostEntry entry;
    bool good = true;
    while (core::NextHostEntry(&list, &entry, &good)) {
        if (good && entry.name.empty() && (entry.port == 0 || entry.port == port)) return true;
    }
    return false;
}

bool MayBeReached(const Place& place) {
    core::Address address;
    const bool is_address =
        core::ParseAddress(pnstrdup(place.host.data(), place.host.size()), &address);
    const char* const list = settings.alert_allowed_hosts;
    if (core::HostListHas(list, place.host, place.port, address)) return true;
    if (place.encrypted) return !is_address || core::IsPublic(address);
    return !is_address && AllowsSomeAddress(list, place.port);
}

}  // namespace
}  // namespace pganalytics::pg

extern "C" {

PG_FUNCTION_INFO_V1(pganalytics_url_has_host);
PG_FUNCTION_INFO_V1(pganalytics_url_may_be_reached);

Datum pganalytics_url_has_host(PG_FUNCTION_ARGS) {
    pganalytics::pg::Place place;
    PG_RETURN_BOOL(pganalytics::pg::FindPlace(text_to_cstring(PG_GETARG_TEXT_PP(0)), &place));
}

Datum pganalytics_url_may_be_reached(PG_FUNCTION_ARGS) {
    pganalytics::pg::Place place;
    PG_RETURN_BOOL(pganalytics::pg::FindPlace(text_to_cstring(PG_GETARG_TEXT_PP(0)), &place) &&
                   pganalytics::pg::MayBeReached(place));
}

}  // extern "C"
