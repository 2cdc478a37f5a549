// Jobs: what a request asks for, done.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ca/link.hpp"
#include "pki/keys.hpp"

namespace pganalytics::ca {

// Surroundings: what a job has beside its request.
struct Surroundings {
    std::string directory;  // of the files that are made
    std::string host_name;  // of this machine
    pki::PassphraseSource passphrase;
    // Called before anything that a stranger has written is read, and does nothing a second time.
    std::function<core::Status()> close_sandbox;
};

// Run does the job and gives the payload of its reply, also when it fails.
std::string Run(const Request& request, const Surroundings& surroundings);

}  // namespace pganalytics::ca
