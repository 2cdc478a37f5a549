// Settings watch: what a reload or a restart has changed, told to the audit log. It stands in the
// launcher, because no setting of that process is overridden by a role, a database or ourselves.
#pragma once

namespace pganalytics::bgworker {

// TellOfSettings compares the settings now in force with those of the last call, or of the last
// life of the server, which a file in the data directory keeps (secrets as a number that says only
// whether they differ). Warns if the file cannot be read or written.
void TellOfSettings();

}  // namespace pganalytics::bgworker
