#include "pg/base/answer_text.hpp"

#include "core/utf8.hpp"
#include "pg/base/trouble.hpp"

namespace pganalytics::pg {
namespace {

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
