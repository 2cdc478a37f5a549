// Passphrase: asking an administrator's command for it.
#pragma once

#include <string>

#include "core/result.hpp"
#include "pki/keys.hpp"

namespace pganalytics::ca {

// RunPassphraseCommand runs a command with /bin/sh -c and gives the first line that it prints.
// Errors: it could not be run, it failed, it printed nothing or more than 1000 bytes. What it
// printed is in no error; its standard error is the server's log.
core::Result<pki::Secret> RunPassphraseCommand(const std::string& command);

}  // namespace pganalytics::ca
