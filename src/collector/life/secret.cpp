// Reads secret files and refuses those that others can read.
#include "collector/life/secret.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace pganalytics::collector {
namespace {

constexpr size_t kMaxSecretBytes = 64 * 1024;

// Descriptor closes its file descriptor.
struct Descriptor {
    int fd;
    explicit Descriptor(int opened) : fd(opened) {}
    ~Descriptor() {
        if (fd >= 0) close(fd);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
};

}  // namespace

core::Result<std::string> ReadSecretFile(const std::string& path) {
    // O_NONBLOCK: a FIFO at this path must not block the start. The mode is read from the open
    // descriptor, so that the file that was checked is also the file that is read.
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (file.fd < 0 || fstat(file.fd, &status) != 0) {
        return core::Error{"cannot read \"" + path + "\": " + std::strerror(errno)};
    }
    if (!S_ISREG(status.st_mode)) return core::Error{"\"" + path + "\" is not a regular file"};
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        char mode[8];
        std::snprintf(mode, sizeof(mode), "0%o", static_cast<unsigned>(status.st_mode & 07777));
        return core::Error{"\"" + path + "\" holds a secret and its mode is " + mode +
                           "; take it from group and others: chmod 0600 " + path};
    }
    std::string secret(kMaxSecretBytes + 1, '\0');
    size_t length = 0;
    while (length < secret.size()) {
        const ssize_t got = read(file.fd, secret.data() + length, secret.size() - length);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return core::Error{"cannot read \"" + path + "\": " + std::strerror(errno)};
        if (got == 0) break;
        length += static_cast<size_t>(got);
    }
    if (length > kMaxSecretBytes) return core::Error{"\"" + path + "\" is longer than 64 kB"};
    secret.resize(length);
    while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
    if (secret.empty()) return core::Error{"\"" + path + "\" is empty"};
    return secret;
}

}  // namespace pganalytics::collector
