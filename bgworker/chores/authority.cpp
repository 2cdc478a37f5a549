// Authority: decides what is due and in what order, and handles failures.
#include "bgworker/chores/authority.hpp"

#include "bgworker/chores/ca_program.hpp"
#include "bgworker/process/worker.hpp"
#include "core/utf8.hpp"
#include "pg/base/guc.hpp"
#include "pg/base/session.hpp"
#include "pg/base/trouble.hpp"
#include "pg/identity/authority_records.hpp"
#include "pg/identity/identity_state.hpp"

extern "C" {
#include <unistd.h>
}

namespace pganalytics::bgworker {
namespace {

using protocol::CaOperation;

constexpr int64 kPeriodMs = 3600 * 1000;
constexpr int64 kFirstBackoffMs = 1000;
constexpr int64 kLongestBackoffMs = 60000;
// The longest time for which certificate requests wait until all gateways know a new authority.
// Gateways start within a second; a gateway that cannot start must not stop the issuing.
constexpr int64 kSettleMs = 10 * 1000;

// State is kept between the calls of TendAuthority.
struct State {
    pg::WorkerStatus* status;
    MemoryContext context;
    pg::AuthorityIds ids;
    core::Timer files_due;  // when to check the files
    uint64 seen_version;    // the identity version of the last complete pass
    const char* topic;      // of the step that runs
    bool one_by_one;        // the last batch of requests crashed the program
    bool program_works;     // it has answered since requests last crashed it
    bool listed;            // this process has written the revocation lists
    bool settling;          // some gateways may still use the former files, which stay trusted
    core::Timer settled;    // settling ends here at the latest
};
State state;

// Step is a part of the work. If it fails, it is tried again later, and the other steps go on.
struct Step {
    const char* topic;  // of its trouble
    core::Backoff backoff{kFirstBackoffMs, kLongestBackoffMs};
};
Step files_step = {"files of the certificate authority"};
Step requests_step = {"certificate requests"};
Step lists_step = {"revocation lists"};
Step token_keys_step = {"keys for tokens"};
Step jobs_step = {"jobs of the certificate authority"};

// Try runs a step unless it failed a short time ago. What a step needs may be broken for good, such
// as a key, and later there may be nothing to do that shows it. So look at the files after a
// failure, and as long as they are not good.
template <typename Work>
bool Try(Step* step, const Work& work) {
    if (!step->backoff.MayTry(Now())) return false;
    state.topic = step->topic;
    const bool done = work();
    if (done) {
        step->backoff.Reset();
        pg::EndTrouble(state.status, step->topic);
    } else {
        step->backoff.Fail(ReadClock());
        state.files_due.Expire();
    }
    return done;
}

// Fail writes to the worker's row what went wrong. It logs a WARNING unless that trouble was logged
// before. Returns false.
bool Fail(const char* what, const char* why) {
    const bool is_news = pg::ShowTrouble(state.status, state.topic, pg::WorkerErrorKind::kAuthority,
                                         "could not %s: %s", what, why);
    if (is_news) {
        ereport(WARNING, errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
                errmsg("pganalytics %s", state.status->last_error));
    }
    return false;
}

// FailWith is Fail for an ErrorData, which it frees. If the extension was dropped meanwhile, it
// shows and logs nothing: the worker handles that case. Returns false.
bool FailWith(const char* what, ErrorData* error) {
    if (ExtensionExists()) Fail(what, error->message);
    FreeErrorData(error);
    return false;
}

// IsSettling: some gateway may not know the new authority yet and would refuse certificates of that
// authority.
bool IsSettling() {
    return state.settling && !pg::PkiServed() && !state.settled.IsDue(ReadClock());
}

// TakeFiles records the certificates that pganalytics-ca has found or made, and makes workers
// replace gateways that have old files. Until all gateways have the new files, collectors must
// trust the former authority as well, because their next connection may reach any gateway.
bool TakeFiles(const CaExchange& exchange) {
    state.ids = {};
    for (uint32_t i = 0; i < exchange.reply.certificates; ++i) {
        const protocol::CaCertificate& one = exchange.certificates[i];
        const bool fits = one.key_id.size() < sizeof(state.ids.ids[0]);
        if (one.kind != protocol::CaCertificateKind::kAuthority || !fits ||
            state.ids.count == pg::kMaxAuthorities) {
            continue;
        }
        memcpy(state.ids.ids[state.ids.count++], one.key_id.data(), one.key_id.size());
    }
    const uint64 fingerprint = FingerprintOf(exchange);
    const bool served =
        pg::PkiServed() && (pg::PkiVersion() == 0 || pg::PkiFingerprint() == fingerprint);
    char* retired = nullptr;
    ErrorData* const error = pg::Transact([&] {
        pg::RecordTrust(exchange.reply, exchange.certificates, state.ids, !served, state.context,
                        &retired);
    });
    if (error != nullptr) return FailWith("record the certificate authority", error);
    if (!served && !state.settling) state.settled.Start(ReadClock(), kSettleMs);
    state.settling = !served;
    if (retired != nullptr) {
        ereport(LOG, errmsg("pganalytics no longer trusts certificate authority %s", retired));
    }
    pg::PublishPki(fingerprint);
    return true;
}

// SeeToFiles makes pganalytics-ca run an operation on the authority's files. It returns false if
// that failed. `why` gets the error of the program, "" if it has reported none.
bool SeeToFiles(CaOperation operation, const char* what, char* why, size_t why_size) {
    Report("seeing to the certificate authority");
    CaExchange exchange = {};
    protocol::CaRequest head;
    head.operation = operation;
    const bool answered = AskCa(head, &exchange);
    core::CopyUtf8(exchange.error, why, why_size);
    bool done = answered;
    if (answered) {
        state.program_works = true;
        LogNotes(exchange);
        done = TakeFiles(exchange);
        // The files are usable, but the program reported a problem; log it and retry later.
        if (done && exchange.error[0] != '\0') done = Fail(what, exchange.error);
    } else {
        Fail(what, exchange.error);
    }
    FreeCa(&exchange);
    return done;
}

bool Refuse(const pg::PendingRequest& request, const char* why) {
    ErrorData* const error = pg::Transact([&] { pg::RecordRefused(request, why); });
    return error == nullptr || FailWith("refuse a certificate request", error);
}

// RefuseHopeless refuses the requests that cannot be granted, moves the other requests to the front
// and returns their number. It sets *done to false if a refusal could not be recorded.
int RefuseHopeless(pg::PendingRequest* requests, int count, bool* done) {
    int left = 0;
    for (int i = 0; i < count; ++i) {
        const char* why = nullptr;
        if (!pg::IssuesToCollectors()) {
            why =
                "certificates are issued by another authority (pganalytics.ssl_ca_file), not here";
        } else if (!requests[i].enabled) {
            why = "collector is disabled or does not exist";
        }
        if (why != nullptr) {
            *done = Refuse(requests[i], why) && *done;
        } else {
            requests[left++] = requests[i];
        }
    }
    return left;
}

// The validity of a v3 collector's certificate, in days. Such a collector never renews its
// certificate: it goes on showing an expired one, and is then refused even with a valid token.
constexpr int kDaysWithoutRenewal = 825;

// IssueBatch gets a certificate or a refusal for every request and stores all of them in one
// transaction. It returns false if that failed.
bool IssueBatch(pg::PendingRequest* requests, int count) {
    CaExchange exchange = {};
    for (int i = 0; i < count; ++i) {
        protocol::CaIssue issue;
        issue.collector_id = requests[i].collector_id;
        issue.days = static_cast<uint32_t>(requests[i].can_renew ? pg::settings.cert_rotation_days
                                                                 : kDaysWithoutRenewal);
        issue.name = requests[i].name;
        issue.csr = requests[i].csr;
        AddCaItem(&exchange, issue);
    }
    protocol::CaRequest head;
    head.operation = CaOperation::kIssue;
    const bool answered = AskCa(head, &exchange);
    bool done = false;
    if (!answered) {
        // A request that crashes the program must not block the others. If it was sent alone, and
        // the program works without it, refuse it; else send the requests one by one from now on.
        if (exchange.crashed && count == 1 && state.program_works) {
            Refuse(requests[0], "the program that issues certificates could not deal with it");
        }
        if (exchange.crashed) {
            state.one_by_one = true;
            state.program_works = false;
        }
        done = Fail("issue certificates", exchange.error);
    } else if (exchange.reply.certificates != static_cast<uint32_t>(count)) {
        done = Fail("issue certificates", "pganalytics-ca answered for others than were asked");
    } else {
        ErrorData* const error = pg::Transact([&] {
            for (int i = 0; i < count; ++i) {
                const protocol::CaCertificate& one = exchange.certificates[i];
                if (one.kind == protocol::CaCertificateKind::kCollector) {
                    pg::RecordIssued(requests[i], one);
                } else {
                    pg::RecordRefused(requests[i], one.message);
                }
            }
        });
        done = error == nullptr || FailWith("record certificates", error);
        if (done) state.one_by_one = false;
    }
    FreeCa(&exchange);
    return done;
}

bool ServeRequests() {
    bool done = true;
    while (done && !Stopping()) {
        MemoryContextReset(state.context);
        pg::PendingRequest* requests = nullptr;
        int count = 0;
        ErrorData* const error =
            pg::Transact([&] { count = pg::ReadPendingRequests(state.context, &requests); });
        if (error != nullptr) return FailWith("read certificate requests", error);
        if (count == 0) return true;
        count = RefuseHopeless(requests, count, &done);
        if (count > 0) {
            Report("issuing certificates");
            done = IssueBatch(requests, state.one_by_one ? 1 : count) && done;
        }
    }
    return done;
}

bool MakeTokenKey(char* why, size_t why_size) {
    CaExchange exchange = {};
    protocol::CaRequest head;
    head.operation = CaOperation::kMakeTokenKey;
    bool done = AskCa(head, &exchange);
    core::CopyUtf8(exchange.error, why, why_size);
    if (!done) {
        Fail("make a key for tokens", exchange.error);
    } else {
        LogNotes(exchange);
        ErrorData* const error =
            pg::Transact([&exchange] { pg::RecordTokenKey(exchange.reply.token_key); });
        if (error != nullptr) {
            core::CopyUtf8(error->message, why, why_size);
            done = FailWith("record a key for tokens", error);
        }
    }
    FreeCa(&exchange);
    return done;
}

void TokenKeyFile(const pg::TokenKid& kid, char* out, size_t out_size) {
    pg_snprintf(out, out_size, "pganalytics_token_%s.key", kid.kid);
}

// SeeToTokenKeys makes a new key for tokens unless some key needs no successor yet and has its
// file. A file is missing if, for example, the database was restored into another cluster.
// SeeToTokenKeys also removes the files of keys that no longer sign.
bool SeeToTokenKeys() {
    pg::TokenKid* signing = nullptr;
    pg::TokenKid* ended = nullptr;
    int signing_count = 0;
    int ended_count = 0;
    ErrorData* const error = pg::Transact([&] {
        signing_count = pg::ReadSigningKids(state.context, &signing);
        ended_count = pg::ReadEndedKids(state.context, &ended);
    });
    if (error != nullptr) return FailWith("read the keys for tokens", error);
    char file[64];
    bool done = true;
    for (int i = 0; i < ended_count && ClockIsSteady(); ++i) {
        TokenKeyFile(ended[i], file, sizeof(file));
        if (unlink(file) != 0 && errno != ENOENT) {
            done = Fail("remove a key for tokens", strerror(errno));
        }
    }
    for (int i = 0; i < signing_count; ++i) {
        TokenKeyFile(signing[i], file, sizeof(file));
        if (access(file, R_OK) == 0) return done;
    }
    char why[256];
    return MakeTokenKey(why, sizeof(why)) && done;
}

bool ServeJobs() {
    for (;;) {
        pg::PendingJob job;
        bool found = false;
        ErrorData* error = pg::Transact([&] { found = pg::ReadPendingJob(&job); });
        if (error != nullptr) return FailWith("read what was asked of the authority", error);
        if (!found || Stopping()) return true;
        char why[256] = "";
        bool done = false;
        if (strcmp(job.operation, "rotate_token_key") == 0) {
            done = MakeTokenKey(why, sizeof(why));
        } else if (strcmp(job.operation, "rotate_server_certificate") == 0) {
            done = SeeToFiles(CaOperation::kRotateServer, "rotate the server certificate", why,
                              sizeof(why));
        } else if (strcmp(job.operation, "rotate_ca") == 0) {
            done = SeeToFiles(CaOperation::kRotateAuthority, "rotate the certificate authority",
                              why, sizeof(why));
        } else if (strcmp(job.operation, "finish_ca_rotation") == 0) {
            done = SeeToFiles(CaOperation::kFinishRotation,
                              "finish the rotation of the certificate authority", why, sizeof(why));
        } else {
            strlcpy(why, "the operation is unknown", sizeof(why));
        }
        if (Stopping() && !done) return true;
        // The row of the job has the reason. It may be one that lasts.
        if (!done) state.files_due.Expire();
        error = pg::Transact([&] { pg::RecordJob(job, done ? nullptr : why); });
        if (error != nullptr) return FailWith("record what was asked of the authority", error);
    }
}

// SeeToLists writes the revocation lists if their content has changed or two thirds of their
// validity have passed. It also writes them once after the process has started, because their file
// may be missing or come from an older backup.
bool SeeToLists() {
    CaExchange exchange = {};
    pg::ListStates states;
    ErrorData* error = pg::Transact([&] {
        pg::ReadListStates(state.ids, &states);
        states.due = states.due || !state.listed;
        if (!states.due) return;
        pg::ReadRevoked(state.ids,
                        [&exchange](const protocol::CaRevoked& one) { AddCaItem(&exchange, one); });
    });
    bool done = true;
    if (error != nullptr) {
        done = FailWith("read the revoked certificates", error);
    } else if (states.due) {
        Report("writing revocation lists");
        protocol::CaRequest head;
        head.operation = CaOperation::kRevocationLists;
        head.list_number = static_cast<uint64_t>(states.next_number);
        done = AskCa(head, &exchange) || Fail("write the revocation lists", exchange.error);
        if (done) {
            error = pg::Transact([&] {
                for (uint32_t i = 0; i < exchange.reply.lists; ++i) {
                    for (int j = 0; j < state.ids.count; ++j) {
                        if (exchange.lists[i].issuer == state.ids.ids[j]) {
                            pg::RecordList(exchange.lists[i], states.contents[j]);
                        }
                    }
                }
            });
            if (error != nullptr) done = FailWith("record the revocation lists", error);
            state.listed = done;
        }
    }
    FreeCa(&exchange);
    return done;
}

bool SeeToFilesAndRows() {
    char why[256];
    bool done = SeeToFiles(CaOperation::kEnsure, "see to the certificate authority's files", why,
                           sizeof(why));
    if (ClockIsSteady()) {
        ErrorData* const error = pg::Transact([] { pg::PruneIdentities(); });
        if (error != nullptr) done = FailWith("remove old certificates", error);
    }
    return done;
}

bool SeeToAll(bool files_due) {
    bool done = true;
    if (files_due) {
        done = Try(&files_step, SeeToFilesAndRows);
        if (done) state.files_due.Start(Now(), kPeriodMs);
    }
    // If one of the next steps fails, the others still run. No step can run without the files of an
    // authority.
    if (state.ids.count == 0) {
        pg::ShowIssuing(false);
        return false;
    }
    const uint64 version = pg::IdentityVersion();
    const bool settling = IsSettling();
    if (!settling) {
        const bool issued = Try(&requests_step, ServeRequests);
        pg::ShowIssuing(issued);
        done = issued && done;
    }
    done = Try(&lists_step, SeeToLists) && done;
    done = Try(&token_keys_step, SeeToTokenKeys) && done;
    done = Try(&jobs_step, ServeJobs) && done;
    // If requests wait for gateways, do not note the version, so that the requests are read again
    // when the gateways serve.
    if (done && !settling && !IsSettling()) state.seen_version = version;
    return done;
}

}  // namespace

void TendAuthority(pg::WorkerStatus* status, MemoryContext context, bool at_once) {
    state.status = status;
    state.context = context;
    if (at_once) {
        state.files_due.Expire();
        for (Step* step : {&files_step, &requests_step, &lists_step, &token_keys_step, &jobs_step})
            step->backoff.Reset();
    }
    const bool files_due = state.files_due.IsDue(Now()) || (state.settling && pg::PkiServed());
    if (!files_due && state.seen_version == pg::IdentityVersion()) return;
    MemoryContext const caller = MemoryContextSwitchTo(context);
    SeeToAll(files_due);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(context);
    Report("waiting for the next hour");
}

}  // namespace pganalytics::bgworker
