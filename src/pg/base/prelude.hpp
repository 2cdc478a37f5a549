// Prelude: PostgreSQL's headers as C, in the one order that works. Every file of src/pg and
// bgworker includes this first; no other directory may.
//
// Code here runs in the backend's regime: ERROR is a longjmp. So it holds only trivially
// destructible locals, uses no containers of the standard library, is compiled without exceptions,
// and allocates with palloc in a context that is reset (docs/inside/architecture.md, "The seam").
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

// PostgreSQL's port.h redirects these to its own; the standard library's headers must not see it.
#undef snprintf
#undef vsnprintf
#undef sprintf
#undef printf
#undef fprintf
#undef strerror
#undef gettext
#undef Abs
