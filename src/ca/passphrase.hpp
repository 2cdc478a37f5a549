// Passphrase: runs the administrator's command that prints it.
#pragma once

#include <string>

#include "core/result.hpp"
#include "pki/keys.hpp"

namespace pganalytics::ca {

// RunPassphraseCommand runs a command with /bin/sh -c and returns the first line that it prints.
// Errors: it could not be run, it failed, it printed nothing or more than 1000 bytes. No error
// contains what it printed. Its standard error goes to the server log.
core::Result<pki::Secret> RunPassphraseCommand(const std::string& command);

}  // namespace pganalytics::ca
