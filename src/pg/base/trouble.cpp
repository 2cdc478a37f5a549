#include "pg/base/trouble.hpp"

#include "core/monotonic.hpp"
#include "core/utf8.hpp"
#include "core/visible.hpp"

namespace pganalytics::pg {
namespace {

constexpr int64 kRepeatMs = 60 * 1000;
constexpr int kLogsInPeriod = 5;
constexpr int kMaxTopics = 16;

// Topic is a trouble of this process. It stays when the trouble is over, so that one that comes and
// goes does not fill the log.
struct Topic {
    char name[64];
    char text[sizeof(WorkerStatus::last_error)];
    WorkerErrorKind kind;
    uint64 reported;  // 0: over. Else the topic with the greatest number was reported last
    core::Timer repeat;
    core::Timer period;
    int logs;  // lines logged in this period
};

Topic topics[kMaxTopics];
uint64 reports = 0;

Topic* Find(const char* name) {
    for (Topic& topic : topics) {
        if (strncmp(topic.name, name, sizeof(topic.name) - 1) == 0) return &topic;
    }
    return nullptr;
}

// Make returns the topic of this name. If there are too many topics, it replaces the one that was
// reported first, if possible one that is over.
Topic* Make(const char* name) {
    Topic* topic = Find(name);
    if (topic != nullptr) return topic;
    topic = &topics[0];
    for (Topic& other : topics) {
        if (other.reported < topic->reported) topic = &other;
        if (other.name[0] == '\0') {
            topic = &other;
            break;
        }
    }
    *topic = {};
    strlcpy(topic->name, name, sizeof(topic->name));
    return topic;
}

bool IsLess(const Topic& a, const Topic& b) {
    const bool a_first = a.reported != 0 && a.kind == WorkerErrorKind::kAuthority;
    const bool b_first = b.reported != 0 && b.kind == WorkerErrorKind::kAuthority;
    return a_first != b_first ? b_first : a.reported < b.reported;
}

// ShowLast writes the trouble to show into the row, or that there is none.
void ShowLast(WorkerStatus* status, bool is_report) {
    const Topic* last = &topics[0];
    for (const Topic& topic : topics) {
        if (IsLess(*last, topic)) last = &topic;
    }
    const TimestampTz now = is_report ? GetCurrentTimestamp() : 0;
    UpdateStatus(status, [=](WorkerStatus* s) {
        strlcpy(s->last_error, last->reported == 0 ? "" : last->text, sizeof(s->last_error));
        s->last_error_kind = last->reported == 0 ? WorkerErrorKind::kOther : last->kind;
        if (is_report) s->last_error_at = now;
    });
}

// IsNews decides whether to log a text, and counts the line that is logged.
bool IsNews(Topic* topic, const char* text) {
    const core::Instant now = core::Instant::Now();
    const bool is_same = strcmp(topic->text, text) == 0;
    if (is_same && (topic->reported != 0 || !topic->repeat.IsDue(now))) return false;
    if (topic->period.IsDue(now)) {
        topic->period.Start(now, kRepeatMs);
        topic->logs = 0;
    }
    if (topic->logs >= kLogsInPeriod) return false;
    ++topic->logs;
    topic->repeat.Start(now, kRepeatMs);
    return true;
}

const char* Show(WorkerStatus* status, const char* name, WorkerErrorKind kind, const char* format,
                 va_list arguments) pg_attribute_printf(4, 0);

// Show shows a trouble, and returns its text if it is to be logged, nullptr if not.
const char* Show(WorkerStatus* status, const char* name, WorkerErrorKind kind, const char* format,
                 va_list arguments) {
    char message[1024];
    pg_vsnprintf(message, sizeof(message), format, arguments);
    char text[sizeof(Topic::text)];
    // Messages hold names from senders, which must not add or turn round lines of the log.
    core::CopyVisible(message, text, sizeof(text));
    Topic* const topic = Make(name);
    const bool is_news = IsNews(topic, text);
    strlcpy(topic->text, text, sizeof(topic->text));
    topic->kind = kind;
    topic->reported = ++reports;
    ShowLast(status, true);
    return is_news ? topic->text : nullptr;
}

// WordsFor says by the class of an SQLSTATE what is wrong.
const char* WordsFor(int sqlstate) {
    switch (ERRCODE_TO_CATEGORY(sqlstate)) {
        case MAKE_SQLSTATE('5', '5', '0', '0', '0'):
            return "the database did not get a lock in time";
        case MAKE_SQLSTATE('4', '0', '0', '0', '0'):
            return "another transaction was in the way";
        case MAKE_SQLSTATE('5', '3', '0', '0', '0'):
            return "the database is short of disk space, memory or connections";
        case MAKE_SQLSTATE('5', '7', '0', '0', '0'):
            return "the request took too long, or the server is shutting down";
        case MAKE_SQLSTATE('4', '2', '0', '0', '0'):
            return "the extension, one of its objects or a privilege is missing";
        default:
            return "the database could not do this";
    }
}

}  // namespace

bool ShowTrouble(WorkerStatus* status, const char* topic, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char* const news = Show(status, topic, WorkerErrorKind::kOther, format, arguments);
    va_end(arguments);
    return news != nullptr;
}

bool ShowTrouble(WorkerStatus* status, const char* topic, WorkerErrorKind kind, const char* format,
                 ...) {
    va_list arguments;
    va_start(arguments, format);
    const char* const news = Show(status, topic, kind, format, arguments);
    va_end(arguments);
    return news != nullptr;
}

void ReportTrouble(WorkerStatus* status, const char* topic, int sqlstate, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char* const news = Show(status, topic, WorkerErrorKind::kOther, format, arguments);
    va_end(arguments);
    if (news != nullptr) ereport(WARNING, errcode(sqlstate), errmsg("pganalytics %s", news));
}

void EndTrouble(WorkerStatus* status, const char* topic) {
    Topic* const found = Find(topic);
    if (found == nullptr || found->reported == 0) return;
    found->reported = 0;
    ShowLast(status, false);
}

bool ShowWaiting(WorkerStatus* status, const char* why) {
    char text[sizeof(Topic::text)];
    core::CopyVisible(why, text, sizeof(text));
    const Topic* const shown = Find(kWaitingTopic);
    if (status->state == WorkerState::kWaiting && shown != nullptr && shown->reported != 0 &&
        strcmp(shown->text, text) == 0) {
        return false;
    }
    const bool is_news = ShowTrouble(status, kWaitingTopic, "%s", text);
    SetState(status, WorkerState::kWaiting);
    return is_news;
}

void SetState(WorkerStatus* status, WorkerState state) {
    UpdateStatus(status, [state](WorkerStatus* s) { s->state = state; });
    if (state != WorkerState::kWaiting) EndTrouble(status, kWaitingTopic);
}

bool MayLog(core::Timer* next) {
    constexpr int64 kBetweenMs = 60 * 1000;
    const core::Instant now = core::Instant::Now();
    if (!next->IsDue(now)) return false;
    next->Start(now, kBetweenMs);
    return true;
}

std::string_view CutAnswer(std::string_view text) {
    return core::CutUtf8(text, kMaxAnswerTextBytes);
}

const char* PublicText(int sqlstate) {
    return psprintf("%s (SQLSTATE %s)", WordsFor(sqlstate), unpack_sql_state(sqlstate));
}

const char* ReportRefused(WorkerStatus* status, const ErrorData* error) {
    constexpr char kTopic[] = "answer requests";
    if (error == nullptr) {
        EndTrouble(status, kTopic);
        return "";
    }
    ReportTrouble(status, kTopic, error->sqlerrcode, "could not answer a request: %s",
                  error->message == nullptr ? "unknown error" : error->message);
    return PublicText(error->sqlerrcode);
}

}  // namespace pganalytics::pg
