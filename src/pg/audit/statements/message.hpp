// Audit message: finds the object that an ERROR 42501 of PostgreSQL names.
#pragma once

#include "pg/audit/record.hpp"

namespace pganalytics::pg {

// DescribeDenial fills in the resource and the reason from an error. The reason is the format of
// the message in PostgreSQL's source, such as "permission denied for table %s", because it contains
// nothing from a user. If %s is the only conversion in the format, the object's name is taken from
// the message. If the format is just "%s", as in PL/pgSQL's RAISE, nothing is taken from the
// message, because it can contain anything.
void DescribeDenial(const ErrorData& error, AuditRecord* record);

}  // namespace pganalytics::pg
