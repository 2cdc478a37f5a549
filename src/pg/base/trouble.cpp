#include "pg/base/trouble.hpp"

#include "core/utf8.hpp"

namespace pganalytics::pg {
namespace {

bool Show(WorkerStatus* status, WorkerErrorKind kind, const char* format, va_list arguments)
    pg_attribute_printf(3, 0);

bool Show(WorkerStatus* status, WorkerErrorKind kind, const char* format, va_list arguments) {
    char message[1024];
    pg_vsnprintf(message, sizeof(message), format, arguments);
    char text[sizeof(status->last_error)];
    core::CopyUtf8(message, text, sizeof(text));
    const TimestampTz now = GetCurrentTimestamp();
    bool is_news = false;
    UpdateStatus(status, [&](WorkerStatus* s) {
        is_news = strcmp(s->last_error, text) != 0;
        memcpy(s->last_error, text, sizeof(text));
        s->last_error_at = now;
        s->last_error_kind = kind;
    });
    return is_news;
}

}  // namespace

bool ShowTrouble(WorkerStatus* status, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const bool is_news = Show(status, WorkerErrorKind::kOther, format, arguments);
    va_end(arguments);
    return is_news;
}

bool ShowTrouble(WorkerStatus* status, WorkerErrorKind kind, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const bool is_news = Show(status, kind, format, arguments);
    va_end(arguments);
    return is_news;
}

void ReportTrouble(WorkerStatus* status, int sqlstate, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const bool is_news = Show(status, WorkerErrorKind::kOther, format, arguments);
    va_end(arguments);
    // The row can be read without the lock, because only this worker writes it.
    if (is_news) {
        ereport(WARNING, errcode(sqlstate), errmsg("pganalytics %s", status->last_error));
    }
}

bool ShowWaiting(WorkerStatus* status, const char* why) {
    char text[sizeof(status->last_error)];
    core::CopyUtf8(why, text, sizeof(text));
    if (status->state == WorkerState::kWaiting && strcmp(status->last_error, text) == 0) {
        return false;
    }
    ShowTrouble(status, "%s", text);
    SetState(status, WorkerState::kWaiting);
    return true;
}

}  // namespace pganalytics::pg
