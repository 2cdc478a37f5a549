// Rate functions: return the buckets of all clients as rows. sql/identity/rate_limits.sql declares
// them.
#include "core/address.hpp"
#include "pg/base/prelude.hpp"
#include "pg/base/shmem.hpp"
#include "pg/identity/rate_limits.hpp"

extern "C" {
#include "utils/acl.h"
#include "utils/uuid.h"
}

namespace pganalytics::pg {
namespace {

using core::RateKey;
using core::RateKind;

const char* NameOf(RateKind kind) {
    switch (kind) {
        case RateKind::kAddress:
            return "address";
        case RateKind::kCollector:
            return "collector";
        case RateKind::kLogin:
            return "login";
        case RateKind::kLoginRole:
            return "login role";
        case RateKind::kLoginNetwork:
            break;
    }
    return "login address";
}

// SeesClients: the current user may see who tries to log in and from where. Only administrators may
// see that.
bool SeesClients() {
    const Oid admin = get_role_oid("pganalytics_admin", true);
    return superuser() || (OidIsValid(admin) && has_privs_of_role(GetUserId(), admin));
}

const char* RoleName(uint64 word) {
    const char* const name =
        word <= PG_UINT32_MAX ? GetUserNameFromId(static_cast<Oid>(word), true) : nullptr;
    return name != nullptr ? name : "(no such role)";
}

char* NetworkName(const core::Address& network) {
    char text[core::kAddressTextBytes];
    core::FormatNetwork(network, text);
    return pstrdup(text);
}

const char* ClientOf(const RateKey& key) {
    core::Address network;
    switch (key.kind) {
        case RateKind::kAddress:
            static_assert(sizeof(network) == sizeof(key.words));
            memcpy(&network, key.words, sizeof(network));
            return NetworkName(network);
        case RateKind::kLogin:
            return psprintf("%s from %s", RoleName(key.words[0]),
                            NetworkName(core::UnpackNetwork(key.words[1])));
        case RateKind::kLoginRole:
            return RoleName(key.words[0]);
        case RateKind::kLoginNetwork:
            return NetworkName(core::UnpackNetwork(key.words[1]));
        case RateKind::kCollector:
            break;
    }
    return nullptr;
}

Datum CountDatum(uint64 count) {
    return Int64GetDatum(static_cast<int64>(Min(count, static_cast<uint64>(PG_INT64_MAX))));
}

}  // namespace
}  // namespace pganalytics::pg

extern "C" {

PG_FUNCTION_INFO_V1(pganalytics_rate_buckets);

// pganalytics_rate_buckets returns a row for each bucket in use. It returns no rows if the library
// was not loaded by shared_preload_libraries.
Datum pganalytics_rate_buckets(PG_FUNCTION_ARGS) {
    using namespace pganalytics::pg;
    InitMaterializedSRF(fcinfo, 0);
    auto* const result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    if (!SharedMemoryReady()) PG_RETURN_NULL();
    const bool sees_clients = SeesClients();
    const TimestampTz now = GetCurrentTimestamp();
    const uint32 count = RateCount();
    for (uint32 i = 0; i < count; ++i) {
        CHECK_FOR_INTERRUPTS();
        pganalytics::core::RateUse use;
        bool exhausted = false;
        if (!ReadRate(i, &use, &exhausted)) continue;
        pg_uuid_t collector;
        memcpy(&collector, use.key.words, sizeof(collector));
        const char* const client = sees_clients ? ClientOf(use.key) : nullptr;
        const auto since_us = static_cast<int64>(SinceNs(use.refused_at_ns) / 1000);
        Datum values[] = {CStringGetTextDatum(NameOf(use.key.kind)),
                          UUIDPGetDatum(&collector),
                          client == nullptr ? Datum{0} : CStringGetTextDatum(client),
                          CountDatum(use.taken),
                          CountDatum(use.refused),
                          TimestampTzGetDatum(now - since_us),
                          BoolGetDatum(exhausted)};
        bool nulls[lengthof(values)] = {};
        nulls[1] = use.key.kind != pganalytics::core::RateKind::kCollector;
        nulls[2] = client == nullptr;
        nulls[5] = use.refused_at_ns == 0;
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    PG_RETURN_NULL();
}

}  // extern "C"
