// Audit message: finds the object that an ERROR 42501 of PostgreSQL names.
#pragma once

#include "pg/audit/record.hpp"

namespace pganalytics::pg {

// DescribeDenial fills in resource and reason from an error. The reason is the format of the
// message in the source, "permission denied for table %s", which contains nothing from a user. The
// name is taken from the message if %s is the only conversion in the format. If the format is just
// "%s", as PL/pgSQL's RAISE makes it, nothing is taken: the message can contain anything.
void DescribeDenial(const ErrorData& error, AuditRecord* record);

}  // namespace pganalytics::pg
