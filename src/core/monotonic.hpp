// Monotonic: instants, timers and back-offs on a clock that nobody can set. The server's workers
// use them for every deadline, interval and back-off. The wall clock can jump: an administrator
// sets it, or a suspended machine resumes. So workers use the wall clock only for times that are
// stored or shown, and for the times in certificates and tokens.
//
// The clock is CLOCK_MONOTONIC, which stops while the machine is suspended. CLOCK_BOOTTIME would go
// on: right after a resume every deadline would have passed, although no program had a chance to
// run. Code that follows the calendar also watches the wall clock (ClockWatch).
//
// The PostgreSQL backend can use the classes: they are trivially destructible and use no heap and
// no exceptions. Zeroed memory is a valid object.
#pragma once

#include <time.h>

#include <algorithm>
#include <compare>
#include <cstdint>

namespace pganalytics::core {

// Instant is a moment of CLOCK_MONOTONIC. A default Instant precedes all others. Processes can
// compare their Instants within one boot of the machine.
class Instant {
  public:
    constexpr Instant() = default;
    static constexpr Instant FromNs(int64_t ns) { return Instant(ns); }
    static Instant Now() { return Instant(Read(CLOCK_MONOTONIC)); }

    constexpr int64_t ns() const { return ns_; }
    constexpr int64_t ms() const { return ns_ / kNsPerMs; }
    constexpr Instant PlusMs(int64_t ms) const { return Instant(ns_ + ms * kNsPerMs); }
    constexpr int64_t MsSince(Instant earlier) const { return (ns_ - earlier.ns_) / kNsPerMs; }
    friend constexpr auto operator<=>(const Instant&, const Instant&) = default;

  private:
    friend class ClockWatch;
    static constexpr int64_t kNsPerMs = 1'000'000;
    constexpr explicit Instant(int64_t ns) : ns_(ns) {}
    static int64_t Read(clockid_t clock) {
        timespec now = {};
        clock_gettime(clock, &now);
        return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
    }

    int64_t ns_ = 0;
};

// Timer says when an action is due. A new timer is due at once.
class Timer {
  public:
    constexpr void Start(Instant now, int64_t ms) { at_ = now.PlusMs(ms); }
    constexpr void Expire() { at_ = {}; }
    constexpr bool IsDue(Instant now) const { return now >= at_; }
    // MsLeft returns for how long the action is not due yet, rounded up, or 0 if it is due.
    constexpr int64_t MsLeft(Instant now) const { return IsDue(now) ? 0 : at_.MsSince(now) + 1; }

  private:
    Instant at_;
};

// BackoffMs returns how long to wait after `failures` failures in a row: `first_ms`, doubled for
// each failure after the first, but at most `longest_ms`. REQUIRES: failures >= 1.
constexpr int64_t BackoffMs(int failures, int64_t first_ms, int64_t longest_ms) {
    int64_t wait_ms = first_ms;
    for (int i = 1; i < failures && wait_ms < longest_ms; ++i) wait_ms *= 2;
    return std::min(wait_ms, longest_ms);
}

// Backoff says when a failing operation may be retried.
class Backoff {
  public:
    constexpr Backoff(int64_t first_ms, int64_t longest_ms)
        : first_ms_(first_ms), longest_ms_(longest_ms) {}

    constexpr void Fail(Instant now) {
        failures_ = std::min(failures_ + 1, kMostFailures);
        timer_.Start(now, BackoffMs(failures_, first_ms_, longest_ms_));
    }
    constexpr void Reset() { *this = Backoff(first_ms_, longest_ms_); }
    // TryNow ends the present wait. It keeps the count of failures, so the wait after the next
    // failure grows as usual.
    constexpr void TryNow() { timer_.Expire(); }
    constexpr bool MayTry(Instant now) const { return timer_.IsDue(now); }
    constexpr int64_t MsLeft(Instant now) const { return timer_.MsLeft(now); }
    // failures returns the number of failures since the last Reset, at most kMostFailures.
    constexpr int failures() const { return failures_; }

  private:
    static constexpr int kMostFailures = 1000;
    int64_t first_ms_;
    int64_t longest_ms_;
    Timer timer_;
    int failures_ = 0;
};

// ClockWatch detects that the wall clock was set. It compares how far the wall clock and the
// monotonic clock have advanced since the last look. If these differ, the wall clock was set. A
// machine that was suspended looks the same as a clock that was set forward. A process may start
// with a copy of another process's ClockWatch. Its first look then detects what has happened since
// that process's last look.
class ClockWatch {
  public:
    // kLeastMoveMs is the smallest difference that counts as a move. Time synchronization makes
    // smaller corrections every day.
    static constexpr int64_t kLeastMoveMs = 1000;

    // Look reads both clocks and returns by how many milliseconds the wall clock was set since the
    // last look: below 0 if it was set back, 0 at the first look. *now gets the time of this look.
    int64_t Look(Instant* now) {
        int64_t wall_ns = 0;
        // If the process was paused between the two readings, their difference says nothing about
        // the wall clock: read both again. After three attempts give up; if the clock was really
        // set, the next look detects it.
        for (int i = 0; i < 3; ++i) {
            *now = Instant::Now();
            wall_ns = Instant::Read(CLOCK_REALTIME);
            if (Instant::Now().MsSince(*now) < kLeastMoveMs / 10) return Compare(*now, wall_ns);
        }
        return 0;
    }

    // Compare does the same as Look, with given readings of the two clocks.
    constexpr int64_t Compare(Instant now, int64_t wall_ns) {
        const int64_t offset_ms = (wall_ns - now.ns()) / Instant::kNsPerMs;
        const int64_t move_ms = seen_ ? offset_ms - offset_ms_ : 0;
        // Absorb a small correction, so that many small corrections do not add up to a move.
        offset_ms_ = offset_ms;
        seen_ = true;
        if (move_ms > -kLeastMoveMs && move_ms < kLeastMoveMs) return 0;
        moved_at_ = now;
        was_moved_ = true;
        return move_ms;
    }

    // IsSteady returns whether no look in the last `ms` found that the wall clock was set.
    constexpr bool IsSteady(Instant now, int64_t ms) const {
        return !was_moved_ || now.MsSince(moved_at_) >= ms;
    }

  private:
    int64_t offset_ms_ = 0;  // wall clock minus monotonic clock
    Instant moved_at_;
    bool seen_ = false;
    bool was_moved_ = false;
};

}  // namespace pganalytics::core
