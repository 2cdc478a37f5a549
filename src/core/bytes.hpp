// Bytes: reads fixed-width values and strings with a length prefix from untrusted memory, and
// writes them. The byte order is the machine's own, because both ends of a frame run on one
// machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace pganalytics::core {

// AlignUp8 rounds a length up to a multiple of 8.
constexpr size_t AlignUp8(size_t n) { return (n + 7) & ~size_t{7}; }

// ByteReader reads through a buffer that it does not own. The first read past the end sets failed()
// permanently, and every later read returns zeros. So a decoder needs to check failed() only once,
// at its end. ByteReader is trivially destructible, because the backend may longjmp over it.
class ByteReader {
  public:
    ByteReader(const char* data, size_t size) : begin_(data), next_(data), end_(data + size) {}

    bool failed() const { return failed_; }
    size_t remaining() const { return static_cast<size_t>(end_ - next_); }
    size_t position() const { return static_cast<size_t>(next_ - begin_); }

    template <typename T>
    T Read() {
        static_assert(std::is_trivially_copyable_v<T>);
        const char* from = Take(sizeof(T));
        if (from == nullptr) return T{};
        T value;
        std::memcpy(&value, from, sizeof(T));
        return value;
    }

    // ReadString reads a u32 length and then that many bytes. It returns a view of these bytes in
    // the buffer.
    std::string_view ReadString() {
        const uint32_t length = Read<uint32_t>();
        const char* from = Take(length);
        return from == nullptr ? std::string_view{} : std::string_view{from, length};
    }

    // Take returns the next n bytes and advances past them. It returns nullptr if fewer than n
    // bytes are left.
    const char* Take(size_t n) {
        if (failed_ || n > remaining()) {
            failed_ = true;
            return nullptr;
        }
        const char* from = next_;
        next_ += n;
        return from;
    }

    // Align8 advances to the next multiple of 8 from the start of the buffer.
    void Align8() { Take(AlignUp8(position()) - position()); }

  private:
    const char* begin_;
    const char* next_;
    const char* end_;
    bool failed_ = false;
};

// ByteSink appends to any container of char with append(const char*, size_t) and size().
template <typename Container>
class ByteSink {
  public:
    explicit ByteSink(Container* out) : out_(out), base_(out->size()) {}

    template <typename T>
    void Write(const T& value) {
        static_assert(std::is_trivially_copyable_v<T>);
        out_->append(reinterpret_cast<const char*>(&value), sizeof(T));
    }

    void WriteString(std::string_view text) {
        Write(static_cast<uint32_t>(text.size()));
        out_->append(text.data(), text.size());
    }

    void WriteRaw(const void* data, size_t size) {
        out_->append(static_cast<const char*>(data), size);
    }

    // Align8 pads with zeros to a multiple of 8, counted from where this sink began.
    void Align8() {
        static constexpr char kZeros[8] = {};
        const size_t written = out_->size() - base_;
        out_->append(kZeros, AlignUp8(written) - written);
    }

  private:
    Container* out_;
    size_t base_;
};

}  // namespace pganalytics::core
