#include "gateway/collectors/side_thread.hpp"

#include <malloc.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

namespace pganalytics::gateway {
namespace {

// If malloc holds less free memory than this, keep the pages, because the next push would only ask
// the kernel for them again.
constexpr size_t kMaxFreeBytes = size_t{16} << 20;
constexpr std::chrono::hours kForever{24 * 365};
constexpr int kNice = 10;

}  // namespace

void SideThread::Start() {
    done_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (done_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    done_.assign(done_fd_);
    std::thread([this] {
        // The event loop comes first: small pushes do not wait for a large one.
        setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
        Work();
    }).detach();
    running_.acquire();
}

void SideThread::Work() {
    running_.release();
    while (true) {
        const std::function<void()>* job = nullptr;
        {
            std::unique_lock lock(mutex_);
            wanted_.wait(lock, [this] { return job_ != nullptr; });
            job = std::exchange(job_, nullptr);
        }
        try {
            (*job)();
        } catch (...) {
            error_ = std::current_exception();
        }
        // A large push leaves many small free pieces of memory in malloc's lists. Nothing else
        // needs them, so give their pages back to the kernel.
        if (mallinfo2().fordblks > kMaxFreeBytes) malloc_trim(0);
        const uint64_t one = 1;
        const ssize_t ignored = write(done_fd_, &one, sizeof(one));
        static_cast<void>(ignored);
    }
}

http::Task<> SideThread::AwaitDone() {
    uint64_t count = 0;
    while (read(done_fd_, &count, sizeof(count)) != static_cast<ssize_t>(sizeof(count))) {
        boost::system::error_code ignored;
        co_await done_.async_wait(http::asio::posix::stream_descriptor::wait_read,
                                  http::asio::redirect_error(http::asio::use_awaitable, ignored));
    }
}

http::Task<> SideThread::Run(const std::function<void()>& job) {
    http::Event turn(io_);
    turns_.push_back(&turn);
    while (turns_.front() != &turn) {
        co_await turn.Wait(std::chrono::steady_clock::now() + kForever);
    }
    {
        const std::lock_guard lock(mutex_);
        job_ = &job;
    }
    wanted_.notify_one();
    co_await AwaitDone();
    // The thread wrote error_ before it signalled the eventfd, so this read sees the value.
    const std::exception_ptr error = std::exchange(error_, nullptr);
    turns_.pop_front();
    if (!turns_.empty()) turns_.front()->Notify();
    if (error) std::rethrow_exception(error);
    co_return;
}

}  // namespace pganalytics::gateway
