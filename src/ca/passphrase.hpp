// Passphrase: runs the administrator's command that prints the passphrase of the authority's key.
#pragma once

#include <string>

#include "core/result.hpp"
#include "pki/keys.hpp"

namespace pganalytics::ca {

// RunPassphraseCommand runs a command with /bin/sh -c and returns the first line of its output.
// Errors: the command could not be run, it failed, or it printed nothing or more than 1000 bytes.
// No error contains any output. The command's standard error goes to the server log.
core::Result<pki::Secret> RunPassphraseCommand(const std::string& command);

}  // namespace pganalytics::ca
