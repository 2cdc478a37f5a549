// Buffer: a growing array of bytes that are not zeroed first, with readable padding after the last
// byte.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

namespace pganalytics::core {

// Buffer owns its bytes. kPadding bytes after the end may always be read (their values mean
// nothing): simdjson loads whole vectors past the end of a document.
class Buffer {
  public:
    static constexpr size_t kPadding = 64;

    Buffer() = default;
    explicit Buffer(std::string_view bytes) { Append(bytes); }

    const char* data() const { return data_.get(); }
    char* data() { return data_.get(); }
    size_t size() const { return size_; }
    size_t capacity() const { return capacity_; }
    bool empty() const { return size_ == 0; }
    std::string_view view() const { return {data_.get(), size_}; }

    // Reserve makes room for `capacity` bytes in all. Throws std::bad_alloc.
    void Reserve(size_t capacity) {
        if (capacity <= capacity_) return;
        // realloc moves the pages of a large block instead of copying the bytes.
        void* const grown = std::realloc(data_.get(), capacity + kPadding);
        if (grown == nullptr) throw std::bad_alloc();
        static_cast<void>(data_.release());
        data_.reset(static_cast<char*>(grown));
        capacity_ = capacity;
    }

    // Resize sets the size; bytes never written have unspecified values.
    void Resize(size_t size) {
        Reserve(size);
        size_ = size;
    }

    void Append(std::string_view bytes) {
        if (bytes.empty()) return;
        if (size_ + bytes.size() > capacity_) {
            Reserve(std::max(size_ + bytes.size(), capacity_ + capacity_ / 2));
        }
        std::memcpy(data_.get() + size_, bytes.data(), bytes.size());
        size_ += bytes.size();
    }

    // Release frees the memory.
    void Release() { *this = Buffer(); }

    Buffer(Buffer&& other) noexcept { *this = std::move(other); }
    Buffer& operator=(Buffer&& other) noexcept {
        data_ = std::move(other.data_);
        size_ = std::exchange(other.size_, 0);
        capacity_ = std::exchange(other.capacity_, 0);
        return *this;
    }

  private:
    struct Free {
        void operator()(char* data) const { std::free(data); }
    };
    std::unique_ptr<char, Free> data_;
    size_t size_ = 0;
    size_t capacity_ = 0;
};

}  // namespace pganalytics::core
