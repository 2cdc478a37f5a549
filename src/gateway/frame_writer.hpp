// FrameWriter: writes frames to the worker on a thread of its own. A push of 1,000 queries is
// larger than the socket's buffer; written by the thread that decodes, its second half would wait
// until the next push is decoded, and the worker with it.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <semaphore>
#include <string>

namespace pganalytics::gateway {

class FrameWriter {
  public:
    explicit FrameWriter(int fd) : fd_(fd) {}

    // Start makes the thread, which runs until the process ends: it is never joined. Returns when
    // it runs, for its first steps need system calls that the sandbox takes away. Throws
    // std::system_error if the system gives none. REQUIRES: before the sandbox, which it shares.
    void Start();

    // Enqueue gives a frame to the thread; frames are written whole and in order. When the worker
    // has gone they are dropped: the end of the file on the same socket tells the reader.
    void Enqueue(std::string frame);

  private:
    void Run();
    bool Write(const std::string& frame) const;

    const int fd_;
    std::binary_semaphore running_{0};
    std::mutex mutex_;
    std::condition_variable filled_;
    std::deque<std::string> frames_;
};

}  // namespace pganalytics::gateway
