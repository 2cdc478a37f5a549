// Files: reads keys and certificates from disk as a whole, and writes them whole or not at all.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "core/result.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

// Modes of written files: only the owner may read a key; everybody may read a certificate.
inline constexpr mode_t kKeyMode = S_IRUSR | S_IWUSR;
inline constexpr mode_t kCertificateMode = S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH;

// ReadFile reads a whole regular file of at most 4 MB. `what` names the file in errors. The bytes
// are in OpenSSL's secure memory until the BIO is freed. If `status` is not null, it receives the
// file's mode and owner.
core::Result<BioPtr> ReadFile(const char* what, const std::string& file,
                              struct stat* status = nullptr);

// Exists tells whether a file is there. It returns an error if the file cannot be examined.
core::Result<bool> Exists(const std::string& file);

// WriteFile writes a file whole or not at all, and durably: it writes a temporary file in the same
// directory, flushes it, renames it and flushes the directory. It follows no symbolic link, neither
// at `file` nor at the temporary name.
core::Status WriteFile(const std::string& file, mode_t mode, std::string_view content);

// RenameFile and RemoveFile also flush the directory, so that the change is durable. Removing an
// absent file is no error.
core::Status RenameFile(const std::string& from, const std::string& to);
core::Status RemoveFile(const std::string& file);

// BytesOf returns a view of the content of a memory BIO.
std::string_view BytesOf(BIO* bio);

}  // namespace pganalytics::pki
