// Jobs: carries out the operation that a request names.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ca/link.hpp"
#include "pki/keys.hpp"

namespace pganalytics::ca {

// Surroundings is what a job needs besides its request.
struct Surroundings {
    std::string directory;  // where to make files
    std::string host_name;  // the name of this machine
    pki::PassphraseSource passphrase;
    // The job calls this before it parses anything that a collector has sent. A second call does
    // nothing.
    std::function<core::Status()> close_sandbox;
};

// Run does the job and returns the payload of the reply, even if the job fails.
std::string Run(const Request& request, const Surroundings& surroundings);

}  // namespace pganalytics::ca
