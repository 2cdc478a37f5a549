// Prelude: PostgreSQL's headers as C, in the one order that works. Every file of src/pg and
// bgworker includes this first; no other directory may.
//
// In this code an ERROR is a longjmp, which runs no destructors. So functions have only trivially
// destructible locals, use no containers of the standard library, are compiled without exceptions,
// and allocate with palloc in a context that is reset (docs/inside/architecture.md, "The seam").
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
