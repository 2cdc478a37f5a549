// Prelude: PostgreSQL's headers as C, in the one order that works. Every file of src/pg and
// bgworker includes it first. Files of other directories must not include it.
//
// An ERROR of PostgreSQL is a longjmp, which runs no destructors. So the code that includes this
// file (docs/inside/architecture.md, "The seam"):
//   - has only trivially destructible locals
//   - uses no containers of the standard library
//   - is compiled without exceptions
//   - allocates with palloc, in a context that is reset
#pragma once

extern "C" {
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
}

// PostgreSQL defines these names as macros (port.h and c.h), which would break the headers of the
// standard library.
#undef snprintf
#undef vsnprintf
#undef sprintf
#undef printf
#undef fprintf
#undef strerror
#undef gettext
#undef Abs
