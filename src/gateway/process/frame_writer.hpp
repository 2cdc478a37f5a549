// FrameWriter: writes frames to the worker on a thread of its own. A push of 1,000 queries is
// larger than the socket's buffer; written by the thread that decodes, its second half would wait
// until the next push is decoded, and the worker with it. FrameQueue says which frame goes next;
// one that has been begun is written whole.
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

    // Start makes the thread, which runs until the process ends: it is never joined. Returns when
    // it runs, for its first steps need system calls that the sandbox takes away. Throws
    // std::system_error if the system gives none. REQUIRES: before the sandbox, which it shares.
    void Start();

    // Enqueue gives a frame to the thread that goes before all pushes. When the worker has gone
    // frames are dropped: the end of the file on the same socket tells the reader.
    void Enqueue(std::string frame);
    // Flush waits until the frames of Enqueue are written, not longer than `timeout`.
    void Flush(std::chrono::milliseconds timeout);
    // EnqueuePush gives a push to the thread, for its turn.
    void EnqueuePush(const core::Uuid& collector_id, uint32_t request_id, std::string frame);
    // EndPush says that nobody waits for a push any more, answered or not. Called for every push.
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
