// Answer text: what the sender of a request may read about an ERROR.
#pragma once

#include "pg/base/shmem.hpp"

namespace pganalytics::pg {

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
