// SideThread: one thread beside the event loop for long work, one job at a time. A push of 55 MB
// takes a third of a second to inflate and decode. If the event loop did that, every other
// connection would wait.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <semaphore>

#include "http/asio.hpp"

namespace pganalytics::gateway {

class SideThread {
  public:
    explicit SideThread(http::asio::io_context& io) : io_(io), done_(io) {}

    // Start makes the thread and waits until it runs, because its first steps need system calls
    // that the sandbox forbids. The thread runs until the process ends; nobody joins it. Throws
    // std::system_error if the system gives no thread or no descriptor. REQUIRES: the sandbox is
    // not in force yet. Once in force, it restricts this thread too.
    void Start();

    // Run runs job() on the thread and returns when job() has ended; it rethrows what job() throws.
    // Jobs share memory, so they run one at a time, in the order of the calls of Run. REQUIRES:
    // until Run returns, no other code touches the data that job() uses.
    http::Task<> Run(const std::function<void()>& job);

  private:
    void Work();
    http::Task<> AwaitDone();

    http::asio::io_context& io_;
    // done_ watches done_fd_, an eventfd through which the thread signals that a job has ended.
    // Asio is built for one thread (BOOST_ASIO_DISABLE_THREADS), so the thread must not call Asio.
    http::asio::posix::stream_descriptor done_;
    int done_fd_ = -1;
    std::deque<http::Event*> turns_;  // the first one's job is running
    std::binary_semaphore running_{0};
    std::mutex mutex_;
    std::condition_variable wanted_;
    const std::function<void()>* job_ = nullptr;
    std::exception_ptr error_;
};

}  // namespace pganalytics::gateway
