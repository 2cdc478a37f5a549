// Rate limits: makes the memory for the buckets of requests and of logins, and counts logins.
#include "pg/identity/rate_limits.hpp"

#include "core/address.hpp"
#include "core/monotonic.hpp"
#include "pg/base/guc.hpp"

extern "C" {
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "utils/acl.h"
}

namespace pganalytics::pg {
namespace {

using core::RateKey;
using core::RateKind;
using core::RateLimit;
using core::RateSlot;
using core::RateTable;

// The memory for requests has 1 MiB: buckets for 16,384 addresses and collectors.
constexpr uint32 kRequestSlots = 16384;
constexpr size_t kRequestBytes = kRequestSlots * sizeof(RateSlot);
// The buckets of logins are in the server's own shared memory. Gateways have no access to it,
// because gateways talk to strangers.
constexpr uint32 kLoginSlots = 4096;
constexpr size_t kLoginBytes = kLoginSlots * sizeof(RateSlot);

// The limit of failed logins for one role from one network, times kWiderBy, is the limit for one
// role from all networks, and for one network over all roles.
constexpr uint64 kWiderBy = 10;
constexpr uint64 kUnknownRole = uint64{1} << 63;
constexpr uint64 kNsPerSecond = 1000000000;

// The postmaster makes these; every process of the server inherits them.
RateTable requests;
RateTable logins;
core::SipKey secret;
int requests_fd = -1;
void* requests_memory = nullptr;

// OpenMemory returns the descriptor of a memfd that nobody can shrink. If the kernel provides no
// memfd, it returns the descriptor of an unlinked file. If it fails, it returns -1 and sets errno.
int OpenMemory() {
    int fd = memfd_create("pganalytics_rates", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    const bool sealable = fd >= 0;
    if (!sealable) {
        constexpr char kFile[] = "pganalytics_rates.tmp";
        unlink(kFile);
        fd = open(kFile, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
        if (fd < 0) return -1;
        unlink(kFile);
    }
    // Allocate all pages now: if a page were missing later, the process that touches it would get
    // SIGBUS.
    int error = posix_fallocate(fd, 0, kRequestBytes);
    if (error == 0 && sealable &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        error = errno;
    }
    if (error == 0) return fd;
    close(fd);
    errno = error;
    return -1;
}

void MapRequests() {
    if (requests_memory != nullptr) munmap(requests_memory, kRequestBytes);
    if (requests_fd >= 0) close(requests_fd);
    requests_memory = nullptr;
    requests = {};
    requests_fd = OpenMemory();
    if (requests_fd >= 0) {
        void* const memory =
            mmap(nullptr, kRequestBytes, PROT_READ | PROT_WRITE, MAP_SHARED, requests_fd, 0);
        if (memory != MAP_FAILED) {
            requests_memory = memory;
            requests = RateTable(static_cast<RateSlot*>(memory), kRequestSlots, secret);
            return;
        }
        const int error = errno;
        close(requests_fd);
        requests_fd = -1;
        errno = error;
    }
    ereport(WARNING, errcode_for_file_access(),
            errmsg("pganalytics could not make the memory for rate limits: %m"),
            errdetail("No request is limited until the server is restarted."));
}

uint64 NowNs() { return static_cast<uint64>(core::Instant::Now().ns()); }

// RoleWord identifies an existing role by its OID, and any other name by its hash. Attempts are
// counted for both kinds of names, so that a refusal does not reveal whether a role exists.
uint64 RoleWord(const char* role) {
    const Oid oid = get_role_oid(role, true);
    if (OidIsValid(oid)) return oid;
    return core::SipHash24(secret, role, strlen(role)) | kUnknownRole;
}

bool IsOfRequests(RateKind kind) {
    return kind == RateKind::kAddress || kind == RateKind::kCollector;
}

// LimitOf returns the limit of a kind by the settings now in force.
RateLimit LimitOf(RateKind kind) {
    const uint64 interval_ns = settings.login_failure_interval_s * kNsPerSecond;
    const auto burst = static_cast<uint64>(settings.login_failures);
    switch (kind) {
        case RateKind::kAddress:
            return core::PerSecond(static_cast<uint32>(settings.rate_limit_address),
                                   static_cast<uint32>(settings.rate_limit_address_burst));
        case RateKind::kCollector:
            return core::PerSecond(static_cast<uint32>(settings.rate_limit_collector),
                                   static_cast<uint32>(settings.rate_limit_collector_burst));
        case RateKind::kLogin:
            return {interval_ns, burst};
        case RateKind::kLoginRole:
        case RateKind::kLoginNetwork:
            break;
    }
    return {interval_ns / kWiderBy, burst * kWiderBy};
}

// LoginKeys are the keys of the three buckets in which an attempt counts, the narrowest first.
struct LoginKeys {
    RateKey keys[3];
};

LoginKeys KeysOf(const char* role, const char* address) {
    core::Address client;
    core::ParseAddress(address, &client);
    const uint64 network = core::PackNetwork(core::NetworkOf(client));
    const uint64 who = RoleWord(role);
    return {{{RateKind::kLogin, {who, network}},
             {RateKind::kLoginRole, {who, 0}},
             {RateKind::kLoginNetwork, {0, network}}}};
}

uint32 SecondsOf(uint64 wait_ns) {
    return static_cast<uint32>((wait_ns + kNsPerSecond - 1) / kNsPerSecond);
}

}  // namespace

size_t RateLimitBytes() { return MAXALIGN(kLoginBytes) + PG_CACHE_LINE_SIZE; }

void StartRateLimits() {
    if (!pg_strong_random(&secret, sizeof(secret))) {
        ereport(FATAL, errcode(ERRCODE_INTERNAL_ERROR),
                errmsg("the system gives no random numbers"));
    }
    bool found = false;
    void* const memory = ShmemInitStruct("pganalytics logins", kLoginBytes, &found);
    memset(memory, 0, kLoginBytes);
    logins = RateTable(static_cast<RateSlot*>(memory), kLoginSlots, secret);
    MapRequests();
}

int RequestRatesFd() { return requests_fd; }

void FillRates(protocol::GatewayConfig* config) {
    config->rate_slots = requests.count();
    config->rate_secret = secret;
    config->address_rate = static_cast<uint32>(settings.rate_limit_address);
    config->address_burst = static_cast<uint32>(settings.rate_limit_address_burst);
    config->collector_rate = static_cast<uint32>(settings.rate_limit_collector);
    config->collector_burst = static_cast<uint32>(settings.rate_limit_collector_burst);
}

uint32 RateCount() { return requests.count() + logins.count(); }

bool ReadRate(uint32 i, core::RateUse* use, bool* exhausted) {
    const bool of_requests = i < requests.count();
    const RateTable& table = of_requests ? requests : logins;
    if (!table.Read(of_requests ? i : i - requests.count(), use)) return false;
    // Check the kind, because a compromised gateway can write any kind into the memory for
    // requests.
    if (IsOfRequests(use->key.kind) != of_requests) return false;
    *exhausted = table.Peek(use->key, LimitOf(use->key.kind), NowNs()) != 0;
    return true;
}

uint64 SinceNs(uint64 at_ns) {
    const uint64 now = NowNs();
    return at_ns < now ? now - at_ns : 0;
}

uint32 TakeLogin(const char* role, const char* address) {
    const LoginKeys login = KeysOf(role, address);
    const uint64 now = NowNs();
    // A refused attempt takes nothing from a bucket, so further attempts do not make the wait
    // longer.
    for (const RateKey& key : login.keys) {
        if (logins.Peek(key, LimitOf(key.kind), now) == 0) continue;
        return SecondsOf(logins.Take(key, LimitOf(key.kind), now));
    }
    uint64 wait = 0;
    for (const RateKey& key : login.keys) {
        // Do not write this inside Max: the macro would call Take twice.
        const uint64 own_wait = logins.Take(key, LimitOf(key.kind), now);
        wait = Max(wait, own_wait);
    }
    return SecondsOf(wait);
}

void ForgiveLogin(const char* role, const char* address) {
    const LoginKeys login = KeysOf(role, address);
    for (const RateKey& key : login.keys) {
        if (key.kind == RateKind::kLogin) {
            logins.Refill(key);
        } else {
            logins.GiveBack(key, LimitOf(key.kind));
        }
    }
}

}  // namespace pganalytics::pg
