// Tests of the memory budget: shares have their exact size and are returned.
#include "http/budget.hpp"

#include <gtest/gtest.h>

#include "http/waits.hpp"

namespace pganalytics::http {
namespace {

Sender SenderOf(unsigned char number) {
    core::Uuid id;
    id.bytes[0] = number;
    return Sender::WithId(id);
}

constexpr uint64_t kUnit = kFreeBodyBytes;

TEST(Budget, SharesComeBack) {
    Budget budget(10 * kUnit, 10 * kUnit);
    {
        Lease a(budget, SenderOf(1));
        Lease b(budget, SenderOf(2));
        EXPECT_TRUE(a.Hold(6 * kUnit));
        EXPECT_FALSE(b.Hold(4 * kUnit + 1));
        EXPECT_EQ(b.held(), 0u);
        EXPECT_TRUE(b.Hold(4 * kUnit));
        EXPECT_FALSE(a.Hold(6 * kUnit + 1));
        EXPECT_EQ(a.held(), 6 * kUnit);
        EXPECT_TRUE(a.Hold(kUnit + 1));
        EXPECT_EQ(budget.available(), 5 * kUnit - 1);
        EXPECT_FALSE(b.Hold(UINT64_MAX));
    }
    EXPECT_EQ(budget.available(), 10 * kUnit);
}

TEST(Budget, OneSenderLeavesRoomForOthers) {
    Budget budget(10 * kUnit, 5 * kUnit);
    Lease a(budget, SenderOf(1));
    Lease b(budget, SenderOf(1));
    Lease other(budget, SenderOf(2));
    EXPECT_TRUE(a.Hold(3 * kUnit));
    EXPECT_FALSE(b.Hold(2 * kUnit + 1));
    EXPECT_TRUE(b.Hold(2 * kUnit));
    EXPECT_FALSE(other.Hold(5 * kUnit + 1));
    EXPECT_TRUE(other.Hold(5 * kUnit));
    EXPECT_TRUE(a.Hold(0));
    EXPECT_TRUE(b.Hold(5 * kUnit));
    EXPECT_FALSE(a.Hold(kUnit + 1));
}

TEST(Budget, SmallRequestsNeedNone) {
    Budget budget(4 * kUnit, 4 * kUnit);
    Lease large(budget, SenderOf(1));
    Lease small(budget, SenderOf(2));
    EXPECT_TRUE(large.Hold(4 * kUnit));
    EXPECT_TRUE(small.Hold(kUnit));
    EXPECT_EQ(small.held(), 0u);
    EXPECT_FALSE(small.Hold(kUnit + 1));
    EXPECT_TRUE(large.Hold(kUnit));
    EXPECT_EQ(budget.available(), 4 * kUnit);
}

TEST(Budget, ANetworkIsNoId) {
    core::Uuid id;
    core::Address address;
    id.bytes[0] = address.bytes[0] = 7;
    EXPECT_NE(Sender::WithId(id), Sender::OfNetwork(address));
    // All addresses of an IPv6 /64 are one sender.
    core::Address neighbour = address;
    neighbour.bytes[15] = 1;
    EXPECT_EQ(Sender::OfNetwork(neighbour), Sender::OfNetwork(address));
}

// The connections are only compared, so any addresses will do.
TEST(Waits, FindsWhoKeepsTooManyWaiting) {
    int memory[8] = {};
    const auto connection = [&memory](int i) { return reinterpret_cast<Connection*>(&memory[i]); };
    Waits waits(2);
    waits.Enter(SenderOf(2), connection(6));
    const Waits::Place first = waits.Enter(SenderOf(1), connection(0));
    waits.Enter(SenderOf(1), connection(1));
    EXPECT_EQ(waits.Crowding(), nullptr);
    waits.Enter(SenderOf(1), connection(2));
    EXPECT_EQ(waits.Crowding(), connection(0));
    waits.Enter(SenderOf(1), connection(3));
    waits.Leave(first);
    EXPECT_EQ(waits.Crowding(), connection(1));
    for (const int i : {4, 5, 7}) waits.Enter(SenderOf(2), connection(i));
    EXPECT_EQ(waits.Crowding(), connection(6));
}

}  // namespace
}  // namespace pganalytics::http
