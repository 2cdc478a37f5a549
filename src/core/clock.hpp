// Clock: the source of time. A test can use one that it controls.
#pragma once

#include <chrono>

#include "core/text.hpp"

namespace pganalytics::core {

class Clock {
  public:
    virtual ~Clock() = default;
    // Now returns the time of the wall clock. Steady returns the time of a clock that never goes
    // back, to measure intervals.
    virtual TimestampMicros Now() const = 0;
    virtual std::chrono::steady_clock::time_point Steady() const = 0;
};

class SystemClock final : public Clock {
  public:
    TimestampMicros Now() const override {
        const auto since_unix = std::chrono::system_clock::now().time_since_epoch();
        return std::chrono::duration_cast<std::chrono::microseconds>(since_unix).count() -
               kPostgresEpochUnixSeconds * 1000000;
    }
    std::chrono::steady_clock::time_point Steady() const override {
        return std::chrono::steady_clock::now();
    }
};

}  // namespace pganalytics::core
