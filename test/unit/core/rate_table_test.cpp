// Tests of the rate table: the arithmetic of buckets, many processes at once, more clients than
// slots, and random bytes in the memory.
#include "core/rate_table.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <vector>

namespace pganalytics::core {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kNow = 1000 * kSecond;
constexpr SipKey kSecret{{0x0706050403020100, 0x0f0e0d0c0b0a0908}};

RateKey Client(uint64_t number) { return {RateKind::kAddress, {number, 0}}; }

// Memory is shared between a process and its forks.
class Memory {
  public:
    explicit Memory(uint32_t slots) : slots_(slots) {
        memory_ = mmap(nullptr, slots * sizeof(RateSlot), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    }
    ~Memory() { munmap(memory_, slots_ * sizeof(RateSlot)); }
    RateTable table() const { return {static_cast<RateSlot*>(memory_), slots_, kSecret}; }
    unsigned char* bytes() const { return static_cast<unsigned char*>(memory_); }
    size_t size() const { return slots_ * sizeof(RateSlot); }

  private:
    uint32_t slots_;
    void* memory_;
};

RateUse UseOf(const RateTable& table, const RateKey& key) {
    RateUse use;
    for (uint32_t i = 0; i < table.count(); ++i) {
        if (table.Read(i, &use) && use.key == key) return use;
    }
    return {};
}

// The values are vectors_sip64 of the reference implementation; its input is 00 01 02 ...
TEST(SipHash, GivesTheReferenceValues) {
    unsigned char input[15];
    for (unsigned char i = 0; i < sizeof(input); ++i) input[i] = i;
    EXPECT_EQ(SipHash24(kSecret, input, 0), 0x726fdb47dd0e0e31u);
    EXPECT_EQ(SipHash24(kSecret, input, 1), 0x74f839c593dc67fdu);
    EXPECT_EQ(SipHash24(kSecret, input, 8), 0x93f5f5799a932462u);
    EXPECT_EQ(SipHash24(kSecret, input, 15), 0xa129ca6149be45e5u);
}

TEST(RateTable, AllowsTheBurstThenOneAnInterval) {
    const Memory memory(64);
    RateTable table = memory.table();
    const RateLimit limit = PerSecond(2, 5);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(table.Take(Client(1), limit, kNow), 0u) << i;
    EXPECT_EQ(table.Take(Client(1), limit, kNow), kSecond / 2);
    EXPECT_EQ(table.Take(Client(1), limit, kNow + kSecond / 2 - 1), 1u);
    EXPECT_EQ(table.Take(Client(1), limit, kNow + kSecond / 2), 0u);
    EXPECT_EQ(table.Take(Client(1), limit, kNow + kSecond / 2), kSecond / 2);
    // Another client has its own bucket, and so has a client of another kind.
    EXPECT_EQ(table.Take(Client(2), limit, kNow), 0u);
    EXPECT_EQ(table.Take({RateKind::kCollector, {1, 0}}, limit, kNow), 0u);
    const RateUse use = UseOf(table, Client(1));
    EXPECT_EQ(use.taken, 6u);
    EXPECT_EQ(use.refused, 3u);
    EXPECT_EQ(use.refused_at_ns, kNow + kSecond / 2);
}

TEST(RateTable, FillsNoFurtherThanItsBurst) {
    const Memory memory(64);
    RateTable table = memory.table();
    const RateLimit limit = PerSecond(100, 3);
    ASSERT_EQ(table.Take(Client(1), limit, kNow), 0u);
    const uint64_t much_later = kNow + 86400 * kSecond;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(table.Take(Client(1), limit, much_later), 0u);
    EXPECT_NE(table.Take(Client(1), limit, much_later), 0u);
}

TEST(RateTable, PeeksWithoutTaking) {
    const Memory memory(64);
    RateTable table = memory.table();
    const RateLimit limit = PerSecond(1, 1);
    EXPECT_EQ(table.Peek(Client(1), limit, kNow), 0u);
    EXPECT_EQ(UseOf(table, Client(1)).taken, 0u);
    ASSERT_EQ(table.Take(Client(1), limit, kNow), 0u);
    EXPECT_EQ(table.Peek(Client(1), limit, kNow), kSecond);
    EXPECT_EQ(table.Peek(Client(1), limit, kNow + kSecond), 0u);
    EXPECT_EQ(UseOf(table, Client(1)).refused, 0u);
}

TEST(RateTable, GivesBackOneOrAll) {
    const Memory memory(64);
    RateTable table = memory.table();
    const RateLimit limit = PerSecond(1, 3);
    for (int i = 0; i < 3; ++i) ASSERT_EQ(table.Take(Client(1), limit, kNow), 0u);
    table.GiveBack(Client(1), limit);
    EXPECT_EQ(table.Take(Client(1), limit, kNow), 0u);
    EXPECT_NE(table.Take(Client(1), limit, kNow), 0u);
    table.Refill(Client(1));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(table.Take(Client(1), limit, kNow), 0u);
    EXPECT_NE(table.Take(Client(1), limit, kNow), 0u);
    // Giving back more than was taken does not raise the bucket above its burst.
    table.Refill(Client(1));
    table.GiveBack(Client(1), limit);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(table.Take(Client(1), limit, kNow), 0u);
    EXPECT_NE(table.Take(Client(1), limit, kNow), 0u);
    table.GiveBack(Client(2), limit);
    table.Refill(Client(2));
}

TEST(RateTable, LimitsNothingWithoutRateOrMemory) {
    const Memory memory(64);
    RateTable table = memory.table();
    RateTable none;
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(table.Take(Client(1), PerSecond(0, 1), kNow), 0u);
        EXPECT_EQ(none.Take(Client(1), PerSecond(1, 1), kNow), 0u);
        EXPECT_EQ(none.Peek(Client(1), PerSecond(1, 1), kNow), 0u);
    }
}

// A reload that lowers the burst from 1000 to 2 must not lock a client out for minutes.
TEST(RateTable, TakesNewLimitsAtOnce) {
    const Memory memory(64);
    RateTable table = memory.table();
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(table.Take(Client(1), PerSecond(1, 1000), kNow), 0u);
    EXPECT_EQ(table.Take(Client(1), PerSecond(1, 2), kNow), kSecond);
    EXPECT_EQ(table.Take(Client(1), PerSecond(1, 2), kNow + kSecond), 0u);
    EXPECT_EQ(table.Take(Client(1), PerSecond(1, 2), kNow + kSecond), kSecond);
}

TEST(RateTable, CountsExactlyAcrossProcesses) {
    constexpr int kProcesses = 8;
    constexpr int kEach = 20000;
    constexpr uint64_t kBurst = 50000;
    const Memory memory(64);
    std::vector<pid_t> children;
    int results[2];
    ASSERT_EQ(pipe(results), 0);
    for (int i = 0; i < kProcesses; ++i) {
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            RateTable table = memory.table();
            int taken = 0;
            for (int n = 0; n < kEach; ++n) {
                taken += table.Take(Client(1), {kSecond * 3600, kBurst}, kNow) == 0 ? 1 : 0;
            }
            _exit(write(results[1], &taken, sizeof(taken)) == sizeof(taken) ? 0 : 1);
        }
        children.push_back(child);
    }
    uint64_t total = 0;
    for (const pid_t child : children) {
        int taken = 0;
        ASSERT_EQ(read(results[0], &taken, sizeof(taken)), static_cast<ssize_t>(sizeof(taken)));
        total += static_cast<uint64_t>(taken);
        int status = 0;
        waitpid(child, &status, 0);
        EXPECT_EQ(status, 0);
    }
    close(results[0]);
    close(results[1]);
    EXPECT_EQ(total, kBurst);
    const RateUse use = UseOf(memory.table(), Client(1));
    EXPECT_EQ(use.taken, kBurst);
    EXPECT_EQ(use.refused, kProcesses * kEach - kBurst);
}

// A client whose bucket is used up keeps the bucket while many other addresses come and go.
TEST(RateTable, ReusesTheFullestBuckets) {
    const Memory memory(256);
    RateTable table = memory.table();
    const RateLimit limit = PerSecond(1, 10);
    for (int i = 0; i < 10; ++i) ASSERT_EQ(table.Take(Client(0), limit, kNow), 0u);
    for (uint64_t stranger = 1; stranger <= 100000; ++stranger) {
        EXPECT_EQ(table.Take(Client(stranger), limit, kNow), 0u) << stranger;
        ASSERT_NE(table.Take(Client(0), limit, kNow), 0u) << stranger;
    }
    // The last client has its own slot with its own counts.
    EXPECT_EQ(UseOf(table, Client(100000)).taken, 1u);
}

TEST(RateTable, BearsWhateverOthersWrite) {
    const Memory memory(64);
    RateTable table = memory.table();
    const RateLimit limit = PerSecond(1, 10);
    std::mt19937_64 random(1);
    for (int round = 0; round < 2000; ++round) {
        for (size_t i = 0; i + 8 <= memory.size(); i += 8) {
            const uint64_t word = random() % 4 == 0 ? ~uint64_t{0} : random();
            std::memcpy(memory.bytes() + i, &word, sizeof(word));
        }
        for (uint64_t client = 0; client < 20; ++client) {
            EXPECT_LE(table.Take(Client(client), limit, kNow), kSecond);
            EXPECT_LE(table.Peek(Client(client), limit, kNow), kSecond);
            table.GiveBack(Client(client), limit);
        }
        RateUse use;
        for (uint32_t i = 0; i < table.count(); ++i) {
            // Read shows only buckets that were written with the table's secret.
            if (!table.Read(i, &use)) continue;
            EXPECT_EQ(use.key.kind, RateKind::kAddress);
        }
    }
}

}  // namespace
}  // namespace pganalytics::core
