// Audit message: which object an ERROR 42501 of PostgreSQL names.
#pragma once

#include "pg/audit/record.hpp"

namespace pganalytics::pg {

// DescribeDenial fills resource and reason from an error. The reason is the message's format as
// the source has it, "permission denied for table %s", which holds nothing of a user; the name is
// taken where the format has a place for one and no other. Of a message whose format is a mere
// "%s", as PL/pgSQL's RAISE makes it, nothing is taken: it can hold anything.
void DescribeDenial(const ErrorData& error, AuditRecord* record);

}  // namespace pganalytics::pg
