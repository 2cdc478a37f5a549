// Audit message: finds the object that an ERROR 42501 of PostgreSQL names.
#pragma once

#include "pg/audit/record.hpp"

namespace pganalytics::pg {

// DescribeDenial fills in the resource and the reason of a record from an error. The reason is the
// message's format in PostgreSQL's source, for example "permission denied for table %s": a format
// contains nothing from a user. If %s is its only conversion, the text in the place of %s is the
// object's name. If the format is just "%s" (RAISE of PL/pgSQL), nothing is copied from the
// message, because a user may have written all of it.
void DescribeDenial(const ErrorData& error, AuditRecord* record);

}  // namespace pganalytics::pg
