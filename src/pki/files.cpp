#include "pki/files.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace pganalytics::pki {
namespace {

using core::Error;
using core::Result;
using core::Status;
using core::Unit;

// kMaxFileBytes: certificates and keys are small, so a larger file contains neither.
constexpr off_t kMaxFileBytes = 4 << 20;

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

  private:
    int fd_;
};

Error FileError(const char* what, const std::string& file) {
    return {std::string("could not ") + what + " file \"" + file + "\": " + std::strerror(errno)};
}

bool WriteAll(int fd, std::string_view content) {
    while (!content.empty()) {
        const ssize_t n = write(fd, content.data(), content.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        content.remove_prefix(static_cast<size_t>(n));
    }
    return true;
}

// SyncDirectory flushes the file's directory to disk, which makes a rename durable.
Status SyncDirectory(const std::string& file) {
    const size_t slash = file.rfind('/');
    const std::string directory =
        slash == std::string::npos ? "." : file.substr(0, slash == 0 ? 1 : slash);
    const Descriptor fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0 || fsync(fd.get()) != 0) return FileError("flush directory of", file);
    return Unit{};
}

}  // namespace

Result<BioPtr> ReadFile(const char* what, const std::string& file, struct stat* status) {
    const std::string quoted = std::string(what) + " \"" + file + "\"";
    const Descriptor fd(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (fd.get() < 0) return Error{"could not open " + quoted + ": " + std::strerror(errno)};
    struct stat own = {};
    struct stat* const seen = status != nullptr ? status : &own;
    if (fstat(fd.get(), seen) != 0 || !S_ISREG(seen->st_mode) || seen->st_size > kMaxFileBytes) {
        return Error{quoted + " is not a regular file of at most 4 MB"};
    }
    BioPtr bio(BIO_new(BIO_s_secmem()));
    char buffer[16384];
    ssize_t n = 0;
    while ((n = read(fd.get(), buffer, sizeof(buffer))) > 0) {
        BIO_write(bio.get(), buffer, static_cast<int>(n));
    }
    const int read_errno = errno;
    OPENSSL_cleanse(buffer, sizeof(buffer));
    if (n < 0) return Error{"could not read " + quoted + ": " + std::strerror(read_errno)};
    return bio;
}

Result<bool> Exists(const std::string& file) {
    struct stat status = {};
    if (lstat(file.c_str(), &status) == 0) return true;
    if (errno == ENOENT) return false;
    return FileError("look at", file);
}

Status WriteFile(const std::string& file, mode_t mode, std::string_view content) {
    const std::string temporary = file + ".new";
    {
        const Descriptor fd(
            open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
        if (fd.get() < 0) return FileError("create", temporary);
        // Set the mode here: a file that a crash has left may have another mode, and the umask may
        // change the mode of a new file.
        if (fchmod(fd.get(), mode) != 0 || !WriteAll(fd.get(), content) || fsync(fd.get()) != 0) {
            const Error error = FileError("write", temporary);
            unlink(temporary.c_str());
            return error;
        }
    }
    return RenameFile(temporary, file);
}

Status RenameFile(const std::string& from, const std::string& to) {
    if (rename(from.c_str(), to.c_str()) != 0) return FileError("rename to", to);
    return SyncDirectory(to);
}

Status RemoveFile(const std::string& file) {
    if (unlink(file.c_str()) != 0) {
        if (errno == ENOENT) return Unit{};
        return FileError("remove", file);
    }
    return SyncDirectory(file);
}

std::string_view BytesOf(BIO* bio) {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(bio, &bytes);
    return {bytes, size > 0 ? static_cast<size_t>(size) : 0};
}

}  // namespace pganalytics::pki
