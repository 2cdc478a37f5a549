// Payload: the bytes of a frame that may hold secrets.
#pragma once

#include <openssl/crypto.h>

#include <vector>

namespace pganalytics::courier {

// Payload overwrites its bytes when it is destroyed. A move keeps the bytes in place, so views of
// them stay valid.
class Payload {
  public:
    explicit Payload(size_t size) : bytes_(size) {}
    ~Payload() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }
    Payload(Payload&&) = default;
    Payload& operator=(Payload&& other) noexcept {
        bytes_.swap(other.bytes_);
        return *this;
    }
    char* data() { return bytes_.data(); }
    const char* data() const { return bytes_.data(); }
    size_t size() const { return bytes_.size(); }

  private:
    std::vector<char> bytes_;
};

}  // namespace pganalytics::courier
