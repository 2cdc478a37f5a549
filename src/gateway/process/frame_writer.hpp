// FrameWriter: writes frames to the worker on a thread of its own. FrameQueue decides which frame
// goes next. A frame that is begun is written whole.
//
// It has a thread because a push of 1,000 queries is larger than the socket's buffer, so that
// writing it takes several steps. The thread that decodes pushes could write the second half only
// after it has decoded the next push. Meanwhile the worker would wait.
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

    // Start makes the thread and waits until it runs, because its first steps need system calls
    // that the sandbox forbids. The thread runs until the process ends; nobody joins it. Throws
    // std::system_error if the system gives no thread. REQUIRES: the sandbox is not in
    // force yet. Once in force, it restricts this thread too.
    void Start();

    // Enqueue gives the thread a frame that goes before all pushes. Once the worker is gone, frames
    // are dropped. The code that reads from the same socket finds out: it gets end of file.
    void Enqueue(std::string frame);
    // Flush waits until the frames of Enqueue are written, but not longer than `timeout`.
    void Flush(std::chrono::milliseconds timeout);
    // EnqueuePush gives the thread a push. FrameQueue decides when it goes.
    void EnqueuePush(const core::Uuid& collector_id, uint32_t request_id, std::string frame);
    // EndPush says that nobody waits for the answer to this push any more (FrameQueue::End). It
    // must be called for every push.
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
