// Trouble: what is wrong with a worker now, shown in its row of pganalytics.workers and logged
// once.
//
// A worker can have several troubles at a time. Each has a topic: a short text that says what the
// worker was doing. last_error of the row shows the trouble that was reported last, and becomes
// NULL when all are over; last_error_at keeps the time of the last report.
#pragma once

#include <string_view>

#include "pg/base/shmem.hpp"

namespace pganalytics::pg {

// The topic of what the worker waits for. SetState ends it.
inline constexpr char kWaitingTopic[] = "wait";

// ShowTrouble writes a message and the time into a worker's row. It returns true if the message is
// news, so that the caller can log a repeated message only once: it is no news within a minute of
// the same message, and not after five messages about one topic in a minute. The text in the row is
// always valid UTF-8 on one line: control and format characters and invalid bytes are escapes
// (core/visible.hpp), and a long text is cut between two characters. Raises no ERROR. REQUIRES: the
// row is that of this process.
bool ShowTrouble(WorkerStatus* status, const char* topic, const char* format, ...)
    pg_attribute_printf(3, 4);

// The same, and the kind goes into the row with the message, so that no other worker sees the one
// without the other. While such a trouble lasts, the row shows it rather than any other.
bool ShowTrouble(WorkerStatus* status, const char* topic, WorkerErrorKind kind, const char* format,
                 ...) pg_attribute_printf(4, 5);

// ReportTrouble shows a message as ShowTrouble does, and logs it as a WARNING if it is news. The
// format begins in lower case, because the log line puts "pganalytics" before it.
void ReportTrouble(WorkerStatus* status, const char* topic, int sqlstate, const char* format, ...)
    pg_attribute_printf(4, 5);

// MayLog lets one line a minute pass, for what a client can cause in a worker at any rate. `next`
// is a static variable of the caller.
bool MayLog(core::Timer* next);

// EndTrouble says that the trouble about this topic is over. It costs little if there is none.
void EndTrouble(WorkerStatus* status, const char* topic);

// ShowWaiting writes into the row that the worker waits, and for what. If the row says so already,
// it changes nothing and returns false.
bool ShowWaiting(WorkerStatus* status, const char* why);

// SetState sets the state in one worker's row. Any state but kWaiting ends what ShowWaiting shows.
void SetState(WorkerStatus* status, WorkerState state);

// A text in an answer has at most so many bytes. A gateway ends the link to a worker whose frame is
// larger than 1 MiB, and the message of an ERROR may have any size.
inline constexpr size_t kMaxAnswerTextBytes = 1000;

// CutAnswer cuts a text to kMaxAnswerTextBytes, between two characters.
std::string_view CutAnswer(std::string_view text);

// PublicText says in our own words, with the SQLSTATE, why a request could not be served. The
// message of such an ERROR may hold paths, names and the texts of triggers, so it is for the log
// and not for the answer. Allocates in the current memory context.
const char* PublicText(int sqlstate);

// ReportRefused is called with the outcome of each request that is not a push. An ERROR it reports
// as a trouble of the worker with this row, and returns PublicText. Without one (nullptr) that
// trouble is over, and it returns "".
const char* ReportRefused(WorkerStatus* status, const ErrorData* error);

}  // namespace pganalytics::pg
