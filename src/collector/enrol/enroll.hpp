// The command enroll.
#pragma once

#include <string>

#include "collector/life/config.hpp"
#include "collector/life/stop.hpp"

namespace pganalytics::collector {

// EnrollOptions are the command's own; "" where one is not given.
struct EnrollOptions {
    std::string server;
    std::string token;       // taken out of the command line already
    std::string token_file;  // "-" is standard input
    std::string pin;
    std::string ca_file;
    std::string state_dir;
};

// kEnrollTimeout is how long a server that says "later" is asked again.
inline constexpr std::chrono::seconds kEnrollTimeout{60};

// Enroll gets this collector a certificate for a one-time token and keeps it in the state
// directory. The options win over `config` (read with Purpose::kEnroll), which wins over what an
// enrolment before this one has left. Prints what was done and what is to be done next, never the
// token. Returns the exit status: 0, 1, or kConfigurationError.
int EnrollCommand(const EnrollOptions& options, const Config& config,
                  const Environment& environment, const StopSignal& stop);

// TakeToken gives the one-time token of --token, --token-file or PGANALYTICS_ENROLLMENT_TOKEN.
// Errors: none of them, more than one option, a file that others can read, not one line of visible
// characters. No message holds any of it.
core::Result<std::string> TakeToken(const EnrollOptions& options, const Environment& environment,
                                    const StopSignal& stop);

}  // namespace pganalytics::collector
