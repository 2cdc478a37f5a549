// Asio: the only file that includes Boost.Asio. It also includes a header that Boost forgets.
#pragma once

// clang-format off: Boost 1.74's awaitable.hpp uses std::exchange without including <utility>.
#include <utility>
// clang-format on
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

namespace pganalytics::http {

namespace asio = boost::asio;
template <typename T = void>
using Task = asio::awaitable<T>;
using TimePoint = std::chrono::steady_clock::time_point;

// Event wakes the one coroutine that waits for it, if there is one. Wait returns at Notify or at
// the time `until`. Wait does not say which of these happened, so the caller must then check its
// own state.
class Event {
  public:
    explicit Event(asio::io_context& io) : timer_(io) {}
    void Notify() { timer_.cancel(); }
    Task<> Wait(TimePoint until) {
        timer_.expires_at(until);
        boost::system::error_code ignored;
        co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }

  private:
    asio::steady_timer timer_;
};

}  // namespace pganalytics::http
