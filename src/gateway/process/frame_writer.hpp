// FrameWriter: writes frames to the worker on a thread of its own. A push of 1,000 queries is
// larger than the socket's buffer: if the decoding thread wrote it, the second half, and with it
// the worker, would wait until the next push is decoded. FrameQueue decides which frame goes next;
// a frame that was begun is written whole.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <semaphore>
#include <string>

#include "gateway/process/frame_queue.hpp"

namespace pganalytics::gateway {

class FrameWriter {
  public:
    explicit FrameWriter(int fd) : fd_(fd) {}

    // Start makes the thread, which runs until the process ends: nobody joins it. Start returns
    // when the thread runs, because the thread's first steps need system calls that the sandbox
    // forbids. Throws std::system_error if the system gives no thread. REQUIRES: called before the
    // sandbox closes; the thread is then in it too.
    void Start();

    // Enqueue gives the thread a frame that goes before all pushes. It drops frames once the worker
    // has gone: the reader sees that by end of file on the same socket.
    void Enqueue(std::string frame);
    // Flush waits until the frames of Enqueue are written, but not longer than `timeout`.
    void Flush(std::chrono::milliseconds timeout);
    // EnqueuePush gives the thread a push, which waits for its turn.
    void EnqueuePush(const core::Uuid& collector_id, uint32_t request_id, std::string frame);
    // EndPush says that nobody waits for a push any more, answered or not. Must be called for every
    // push.
    void EndPush(uint32_t request_id);

  private:
    void Run();
    bool Write(const std::string& frame) const;

    const int fd_;
    std::binary_semaphore running_{0};
    std::mutex mutex_;
    std::condition_variable filled_;
    std::condition_variable written_;
    FrameQueue queue_;
    bool writing_ = false;
};

}  // namespace pganalytics::gateway
