// API: finds out who sends a request, checks that person's access, and calls the handler with the
// privileges that the route names.
#include "pg/api/answer.hpp"

#include "pg/api/call.hpp"
#include "pg/api/events.hpp"
#include "pg/api/handlers.hpp"
#include "pg/api/scrapers.hpp"
#include "pg/audit/record.hpp"
#include "pg/base/secret_memory.hpp"
#include "pg/base/session.hpp"
#include "pg/base/trouble.hpp"

extern "C" {
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/timeout.h"
}

namespace pganalytics::pg {
namespace {

using protocol::ApiAccess;

// A request may take this long, or statement_timeout if that is shorter. The limit is well below
// the time for which a gateway waits for its worker.
constexpr int kApiLimitMs = 10000;
constexpr char kNotLoggedIn[] = "the session has ended; log in again";

// NeedsPerson: the route needs a login. LevelFor returns the level that the person then needs.
bool NeedsPerson(ApiAccess access) {
    return access != ApiAccess::kAnyone && access != ApiAccess::kSecret;
}

PersonLevel LevelFor(ApiAccess access) {
    switch (access) {
        case ApiAccess::kAdmin:
            return PersonLevel::kAdmin;
        case ApiAccess::kOperator:
            return PersonLevel::kOperator;
        case ApiAccess::kViewer:
        case ApiAccess::kScraper:
            return PersonLevel::kViewer;
        case ApiAccess::kPerson:
        case ApiAccess::kAnyone:
        case ApiAccess::kSecret:
            break;
    }
    return PersonLevel::kNone;
}

// Admit finds out who sends a request and checks that this person may use the route. It reads the
// tables and catalogs as they are now. It returns false after it has refused the call.
bool Admit(ApiCall* call, PersonLevel needed) {
    const protocol::ApiRequest& request = *call->request;
    ApiSession* const session = &call->session;
    const char* const named = pnstrdup(request.role.data(), request.role.size());
    if (!FindSession(request.session_id, session)) {
        CountRefusedCall(*call, protocol::RefusalKind::kSessionOver, named);
        RefuseCall(call, 401, kNotLoggedIn);
        return false;
    }
    // If a role was renamed, it no longer matches tokens with its former name.
    EndReason why = EndReason::kRole;
    if (request.role != NameStr(session->role_name) ||
        !FindLoginRole(NameStr(session->role_name), &call->person) ||
        !FitsRole(*session, call->person, &why)) {
        EndSession(*session, why);
        CountRefusedCall(*call, protocol::RefusalKind::kSessionOver, named);
        RefuseCall(call, 401, kNotLoggedIn);
        return false;
    }
    if (call->person.level < needed) {
        CountRefusedCall(*call, protocol::RefusalKind::kRoleNeeded, named);
        RefuseCall(call, 403, "the role is no member of a role that may do this");
        return false;
    }
    NoteUse(*session);
    return true;
}

// AdmitCall checks that the sender may use the route. It returns false after it has refused the
// call.
bool AdmitCall(ApiCall* call, ApiAccess access) {
    if (!NeedsPerson(access)) return true;
    if (access == ApiAccess::kScraper && call->request->role.empty()) return AdmitScraper(call);
    return Admit(call, LevelFor(access));
}

// The handlers are in the order of the routes.
constexpr void (*kHandlers[])(ApiCall*) = {
#define PGANALYTICS_HANDLER(handler, ...) handler,
    PGANALYTICS_API_ROUTES(PGANALYTICS_HANDLER)
#undef PGANALYTICS_HANDLER
};

// ReadInputs reads the inputs of the route. It returns false after it has refused the call with a
// message that names the input.
bool ReadInputs(ApiCall* call) {
    const char* why = nullptr;
    uint32_t refusal = ReadParameters(call->request->query, *call->route, &call->inputs, &why);
    if (refusal == 0) {
        MemoryContext const caller = MemoryContextSwitchTo(call->secrets);
        refusal = ReadBody(call->request->body, *call->route, &call->inputs, &why);
        MemoryContextSwitchTo(caller);
    }
    if (refusal != 0) RefuseCall(call, refusal, why);
    return refusal == 0;
}

void Answer(ApiCall* call) {
    const protocol::ApiRequest& request = *call->request;
    call->route = protocol::FindApiRoute(request.method, request.path);
    if (call->route == nullptr) return RefuseCall(call, 404, "there is no such resource");
    if (!AdmitCall(call, call->route->access) || !ReadInputs(call)) return;
    // A function that runs as a person may change settings. Undo that, so that the next request
    // does not see the changes.
    const int settings_before = NewGUCNestLevel();
    if (call->route->runs_as != protocol::RunsAs::kWorker) {
        PlanForReports();
        if (OidIsValid(call->person.oid)) {
            call->as_person = true;
            BecomePerson(call->person);
        }
        if (call->route->method == "GET") XactReadOnly = true;
    }
    kHandlers[static_cast<size_t>(call->route->id)](call);
    AtEOXact_GUC(false, settings_before);
}

// LimitMs returns the time limit of a request. It reads statement_timeout, because PostgreSQL
// itself does not apply this setting in a background worker.
int LimitMs() { return StatementTimeout > 0 ? Min(StatementTimeout, kApiLimitMs) : kApiLimitMs; }

// ClassOf returns the class of an SQLSTATE (its first two characters), as ERRCODE_TO_CATEGORY does.
int ClassOf(int sqlerrcode) { return ERRCODE_TO_CATEGORY(sqlerrcode); }

// Explain turns an ERROR into an answer. It does not put into the answer what the person may not
// see. If the error is not expected, the answer has only its SQLSTATE; the server log has the
// message.
void Explain(ApiCall* call, const ErrorData& error, uint64 recorded_denials) {
    const int category = ClassOf(error.sqlerrcode);
    const char* const message = error.message == nullptr ? "" : error.message;
    if (error.sqlerrcode == ERRCODE_STATEMENT_TOO_COMPLEX) {
        RefuseCall(call, 400, "the body is nested too deeply");
    } else if (error.sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE && call->as_person) {
        RecordDeniedCall(*call, error, recorded_denials);
        RefuseCall(call, 403, message);
    } else if (category == ClassOf(ERRCODE_DATA_EXCEPTION) ||
               error.sqlerrcode == ERRCODE_CHECK_VIOLATION) {
        RefuseCall(call, 422, message);
    } else if (error.sqlerrcode == ERRCODE_NO_DATA_FOUND && call->as_person) {
        RefuseCall(call, 404, message);
    } else if (error.sqlerrcode == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE && call->as_person) {
        RefuseCall(call, 409, message);
    } else if (error.sqlerrcode == ERRCODE_QUERY_CANCELED) {
        RefuseCall(call, 503, "the request took too long");
        call->reply->retry_after_s = 5;
    } else if (error.sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
               category == ClassOf(ERRCODE_INSUFFICIENT_RESOURCES) ||
               category == ClassOf(ERRCODE_OPERATOR_INTERVENTION) ||
               category == ClassOf(ERRCODE_TRANSACTION_ROLLBACK)) {
        RefuseCall(call, 503, ReportRefused(StatusOf(WorkerKind::kApi, 0), &error));
        call->reply->retry_after_s = 5;
    } else {
        char text[96];
        pg_snprintf(text, sizeof(text), "the request has failed (SQLSTATE %s)",
                    unpack_sql_state(error.sqlerrcode));
        RefuseCall(call, 500, text);
        static core::Timer next_line;
        if (!MayLog(&next_line)) return;
        ereport(WARNING, errcode(error.sqlerrcode),
                errmsg("pganalytics could not answer %.*s %.*s: %s",
                       static_cast<int>(Min(call->request->method.size(), size_t{16})),
                       call->request->method.data(),
                       static_cast<int>(Min(call->request->path.size(), size_t{128})),
                       call->request->path.data(), message));
    }
}

}  // namespace

protocol::ApiReply AnswerApi(const protocol::ApiRequest& request, MemoryContext context) {
    MemoryContext const caller = MemoryContextSwitchTo(context);
    protocol::ApiReply reply;
    ApiCall call = {};
    call.request = &request;
    call.reply = &reply;
    call.context = context;
    call.secrets = MakeSecretMemory(context);
    BeginApiEvents(call);
    const uint64 recorded_denials = RecordedDenials();
    enable_timeout_after(STATEMENT_TIMEOUT, LimitMs());
    // Transact commits before BecomeWorker is called, so that deferred triggers run as the person,
    // too.
    ErrorData* const error = Transact([&call] { Answer(&call); });
    BecomeWorker();
    disable_timeout(STATEMENT_TIMEOUT, false);
    // The timeout may have fired after this transaction's last check for interrupts. Do not let it
    // cancel the next statement.
    QueryCancelPending = false;
    EndSecretMemory(call.secrets);
    if (error == nullptr) ReportRefused(StatusOf(WorkerKind::kApi, 0), nullptr);
    if (error != nullptr) Explain(&call, *error, recorded_denials);
    EndApiEvents();
    MemoryContextSwitchTo(caller);
    return reply;
}

}  // namespace pganalytics::pg
