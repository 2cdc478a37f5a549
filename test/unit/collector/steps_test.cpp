// Tests of Steps: one thread that hangs is noticed, however busy the others are.
#include "collector/steps.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <thread>

#include "collector/service.hpp"

namespace pganalytics::collector {
namespace {

using std::chrono::seconds;

TEST(Steps, OneThatHangsIsNoticedAmongOthers) {
    const SteadyTime start = std::chrono::steady_clock::now();
    Steps steps;
    EXPECT_TRUE(steps.AllMoveOn(start));
    std::optional<Steps::Step> hanging(std::in_place, &steps, start);
    for (seconds passed{0}; passed <= kLongestStep; passed += seconds(10)) {
        const Steps::Step short_one(&steps, start + passed);
        EXPECT_TRUE(steps.AllMoveOn(start + passed));
    }
    const SteadyTime late = start + kLongestStep + seconds(1);
    {
        const Steps::Step short_one(&steps, late);
        EXPECT_FALSE(steps.AllMoveOn(late));
    }
    hanging.reset();
    EXPECT_TRUE(steps.AllMoveOn(late));
}

TEST(Steps, TwoThatBeginAtOnceAreTwo) {
    const SteadyTime start = std::chrono::steady_clock::now();
    Steps steps;
    std::optional<Steps::Step> first(std::in_place, &steps, start);
    const Steps::Step second(&steps, start);
    first.reset();
    EXPECT_FALSE(steps.AllMoveOn(start + kLongestStep + seconds(1)));
}

// The service manager restarts a collector for this alone, so a sample must be seen as a step.
TEST(Steps, ASampleThatGetsNoAnswerIsAStep) {
    const int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* const name = reinterpret_cast<sockaddr*>(&address);
    ASSERT_EQ(bind(silent, name, length), 0);
    ASSERT_EQ(listen(silent, 1), 0);
    ASSERT_EQ(getsockname(silent, name, &length), 0);
    Config config;
    config.interval = std::chrono::milliseconds(100);
    MonitoredServer server;
    server.name = "silent";
    server.conninfo = "host=127.0.0.1 port=" + std::to_string(ntohs(address.sin_port));
    config.servers.push_back(server);

    StopSignal stop;
    Service service(config, true, stop);
    const auto hangs_if_it_takes_so_long = [&] {
        return !service.steps().AllMoveOn(std::chrono::steady_clock::now() + kLongestStep);
    };
    EXPECT_FALSE(hangs_if_it_takes_so_long());
    service.Start();
    const SteadyTime deadline = std::chrono::steady_clock::now() + seconds(20);
    while (!hangs_if_it_takes_so_long() && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::yield();
    }
    EXPECT_TRUE(hangs_if_it_takes_so_long());
    stop.Raise();
    EXPECT_TRUE(service.Leave());
    EXPECT_FALSE(hangs_if_it_takes_so_long());
    close(silent);
}

}  // namespace
}  // namespace pganalytics::collector
