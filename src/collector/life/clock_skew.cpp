#include "collector/life/clock_skew.hpp"

#include <cstdlib>

namespace pganalytics::collector {
namespace {

std::string Duration(long long seconds) {
    const auto two = [](long long first, const char* unit, long long rest, const char* small) {
        return std::to_string(first) + unit + " " + std::to_string(rest) + small;
    };
    if (seconds < 120) return std::to_string(seconds) + " s";
    if (seconds < 7200) return two(seconds / 60, " min", seconds % 60, " s");
    if (seconds < 172800) return two(seconds / 3600, " h", seconds % 3600 / 60, " min");
    return two(seconds / 86400, " d", seconds % 86400 / 3600, " h");
}

}  // namespace

std::string SkewText(std::chrono::seconds ahead, const std::string& name) {
    return "this host's clock is " + Duration(std::llabs(ahead.count())) +
           (ahead.count() < 0 ? " behind" : " ahead of") + " that of " + name + ": " + kClockRemedy;
}

}  // namespace pganalytics::collector
