// Files: keys and certificates on disk, read whole and written whole or not at all.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "core/result.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

// Modes of what is written: a key is for its owner alone, a certificate for everybody.
inline constexpr mode_t kKeyMode = S_IRUSR | S_IWUSR;
inline constexpr mode_t kCertificateMode = S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH;

// ReadFile reads a regular file of at most 4 MB whole; `what` names it in errors. The bytes are in
// OpenSSL's memory until the BIO is freed. status, if not null, gets the file's mode and owner.
core::Result<BioPtr> ReadFile(const char* what, const std::string& file,
                              struct stat* status = nullptr);

// Exists: a file that cannot be looked at is an error, not an absence.
core::Result<bool> Exists(const std::string& file);

// WriteFile makes a file appear whole or not at all, and lasting: it is written beside its place,
// flushed, and renamed; then its directory is flushed. A link in the way is not followed.
core::Status WriteFile(const std::string& file, mode_t mode, std::string_view content);

// RenameFile and RemoveFile make the change lasting too. To remove what is not there is no error.
core::Status RenameFile(const std::string& from, const std::string& to);
core::Status RemoveFile(const std::string& file);

// BytesOf is what a memory BIO holds.
std::string_view BytesOf(BIO* bio);

}  // namespace pganalytics::pki
