// The command enroll.
#pragma once

#include <string>

#include "collector/life/config.hpp"
#include "collector/life/stop.hpp"

namespace pganalytics::collector {

// EnrollOptions are the options of the command enroll. An option that is not given is "".
struct EnrollOptions {
    std::string server;
    std::string token;       // already wiped from the command line
    std::string token_file;  // "-" is standard input
    std::string pin;
    std::string ca_file;
    std::string state_dir;
};

// kEnrollTimeout limits how long EnrollCommand retries while the server asks for a retry.
inline constexpr std::chrono::seconds kEnrollTimeout{60};

// EnrollCommand exchanges a one-time token for a certificate and writes it to the state directory.
// The options take precedence over `config`, and `config` over the results of an earlier enrolment.
// EnrollCommand prints what was done and what to do next, never the token. It returns the exit
// status, 0 or 1. REQUIRES: `config` was read with Purpose::kEnroll.
int EnrollCommand(const EnrollOptions& options, const Config& config,
                  const Environment& environment, const StopSignal& stop);

// TakeToken reads the one-time token from --token, --token-file or PGANALYTICS_ENROLLMENT_TOKEN.
// Errors: no token, more than one option, a file that others can read, or content that is not one
// line of visible characters. No error message contains any part of the token.
core::Result<std::string> TakeToken(const EnrollOptions& options, const Environment& environment,
                                    const StopSignal& stop);

}  // namespace pganalytics::collector
