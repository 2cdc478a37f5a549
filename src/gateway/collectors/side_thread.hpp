// SideThread: one thread beside the event loop for work that takes long, one job at a time. A push
// of 55 MB takes a third of a second to inflate and decode; done by the loop, every other
// connection would wait for it.
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

    // Start makes the thread, which runs until the process ends: it is never joined. Returns when
    // it runs, for its first steps need system calls that the sandbox takes away. Throws
    // std::system_error if the system gives no thread or no descriptor. REQUIRES: before the
    // sandbox, which it shares.
    void Start();

    // Run runs job() on the thread and returns when it has ended; what it throws is thrown here.
    // Who comes while another job runs waits, first come, first served: the memory that jobs work
    // in exists once. REQUIRES: what the job touches is touched by nobody else meanwhile.
    http::Task<> Run(const std::function<void()>& job);

  private:
    void Work();
    http::Task<> AwaitDone();

    http::asio::io_context& io_;
    // An eventfd: the thread says through it that a job has ended. Asio itself is built for one
    // thread (BOOST_ASIO_DISABLE_THREADS), so nothing of it may be called from here.
    http::asio::posix::stream_descriptor done_;
    int done_fd_ = -1;
    std::deque<http::Event*> turns_;  // the first one's job runs
    std::binary_semaphore running_{0};
    std::mutex mutex_;
    std::condition_variable wanted_;
    const std::function<void()>* job_ = nullptr;
    std::exception_ptr error_;
};

}  // namespace pganalytics::gateway
