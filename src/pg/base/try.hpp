// Try: runs backend code and turns an ERROR into a value.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// Try runs fn() and returns nullptr. If fn() raises an ERROR, Try returns its whole ErrorData,
// copied into the caller's memory context. The caller aborts the transaction and frees the copy
// (FreeErrorData). Try does not catch FATAL and PANIC: they end the process, as PostgreSQL intends.
// REQUIRES: fn and all functions that it calls hold only trivially destructible locals.
template <typename Fn>
ErrorData* Try(Fn&& fn) {
    MemoryContext const caller = CurrentMemoryContext;
    ErrorData* volatile error = nullptr;
    PG_TRY();
    { fn(); }
    PG_CATCH();
    {
        MemoryContextSwitchTo(caller);
        error = CopyErrorData();
        FlushErrorState();
    }
    PG_END_TRY();
    return error;
}

}  // namespace pganalytics::pg
