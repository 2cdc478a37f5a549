// Try: runs backend code and turns an ERROR into a value.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// Try runs fn() and returns nullptr. If fn() raises an ERROR, Try returns its ErrorData, copied
// into the caller's memory context. The caller must then abort the transaction and free the copy
// with FreeErrorData. FATAL and PANIC still end the process, as PostgreSQL intends.
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
