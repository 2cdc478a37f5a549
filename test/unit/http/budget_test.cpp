// Tests of the memory budget: shares have their exact size and are returned.
#include "http/budget.hpp"

#include <gtest/gtest.h>

namespace pganalytics::http {
namespace {

TEST(Budget, SharesComeBack) {
    Budget budget(100);
    {
        Lease a(budget);
        Lease b(budget);
        EXPECT_TRUE(a.Hold(60));
        EXPECT_FALSE(b.Hold(41));
        EXPECT_EQ(b.held(), 0u);
        EXPECT_TRUE(b.Hold(40));
        EXPECT_FALSE(a.Hold(61));
        EXPECT_EQ(a.held(), 60u);
        EXPECT_TRUE(a.Hold(10));
        EXPECT_EQ(budget.available(), 50u);
        EXPECT_FALSE(b.Hold(UINT64_MAX));
    }
    EXPECT_EQ(budget.available(), 100u);
}

}  // namespace
}  // namespace pganalytics::http
