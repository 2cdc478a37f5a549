// Settings watch: records in the audit log which settings a reload or a restart has changed. It
// runs in the launcher because in that process no role, no database and no code of ours overrides a
// setting.
#pragma once

namespace pganalytics::bgworker {

// RecordSettingChanges compares the current settings with those of the last call, and records the
// differences in the audit log. The first call compares with the settings before the restart. It
// reads them from a file in the data directory, which holds secrets only as hashes. If the file
// cannot be read or written, RecordSettingChanges logs a WARNING.
void RecordSettingChanges();

}  // namespace pganalytics::bgworker
