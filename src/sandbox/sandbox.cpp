#include "sandbox/sandbox.hpp"

#include "core/sanitizers.hpp"

#if defined(PGANALYTICS_HAVE_SECCOMP) && !PGANALYTICS_SANITIZED

#include <sys/prctl.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "sandbox/files.hpp"
#include "sandbox/filter.hpp"

namespace pganalytics::sandbox {
namespace {

core::Error Failed(int error) {
    return core::Error{std::string("could not enter the sandbox: ") + std::strerror(error)};
}

}  // namespace

core::Result<bool> Enter(const Sandbox& sandbox) {
    const auto filter = MakeFilter(sandbox.calls);
    if (!filter) return filter.error();
    // A process without privileges needs no_new_privs for Landlock (RestrictFiles) and for seccomp.
    // seccomp_load sets it too, but only after RestrictFiles.
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Failed(errno);
    if (!sandbox.readable_directories.empty()) {
        const core::Result<bool> restricted = RestrictFiles(sandbox.readable_directories);
        if (!restricted) return restricted.error();
    }
    if (const int error = seccomp_load(filter->get())) return Failed(-error);
    return true;
}

}  // namespace pganalytics::sandbox

#else

namespace pganalytics::sandbox {

core::Result<bool> Enter(const Sandbox&) { return false; }

}  // namespace pganalytics::sandbox

#endif
