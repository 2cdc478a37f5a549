// Authority records: what the maintenance worker reads and writes for the certificate authority, by
// the functions of sql/identity/authority_work.sql. All of them raise ERROR as the statement does.
// REQUIRES: SPI connected, the role pganalytics_maintenance.
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/ca_messages.hpp"

namespace pganalytics::pg {

inline constexpr int kMaxAuthorities = 8;

// AuthorityIds are the key identifiers of the authorities that are trusted, first the one that
// issues.
struct AuthorityIds {
    int count;
    char ids[kMaxAuthorities][41];
};

// PendingRequest waits for a certificate. Its texts are in the context given.
struct PendingRequest {
    core::Uuid request_id;
    core::Uuid collector_id;
    const char* name;
    std::string_view csr;
    bool enabled;
    bool can_renew;  // false: a v3 collector, which cannot
};
int ReadPendingRequests(MemoryContext context, PendingRequest** out);

// RecordTrust puts the certificates of authorities and server on record and, if it is new, by what
// collectors know the server; with keep_former they are to know it by what was before, too.
// *retired names authorities that went, nullptr: none.
void RecordTrust(const protocol::CaReply& reply, const protocol::CaCertificate* certificates,
                 const AuthorityIds& ids, bool keep_former, MemoryContext context, char** retired);

// RecordIssued ends a request with its certificate or, if it was refused, with the reason.
void RecordIssued(const PendingRequest& request, const protocol::CaCertificate& certificate);
void RecordRefused(const PendingRequest& request, std::string_view reason);

// ListStates: whether a revocation list is due, the number of the next ones, and what each holds.
struct ListStates {
    bool due;
    int64 next_number;
    core::Sha256 contents[kMaxAuthorities];  // in the order of AuthorityIds
};
void ReadListStates(const AuthorityIds& ids, ListStates* out);

// ReadRevoked calls visit(CaRevoked) for what the lists are to hold.
template <typename Visit>
void ReadRevoked(const AuthorityIds& ids, Visit&& visit);
void RecordList(const protocol::CaList& list, const core::Sha256& content);

// PendingJob is what an administrator has asked for. False if there is none.
struct PendingJob {
    int64 job_id;
    char operation[NAMEDATALEN];
};
bool ReadPendingJob(PendingJob* out);
void RecordJob(const PendingJob& job, const char* failure);

// A kid of a token key, as the table has it.
struct TokenKid {
    char kid[16];
};
// ReadSigningKids: keys that need no follower yet. ReadEndedKids: those that sign no more.
int ReadSigningKids(MemoryContext context, TokenKid** out);
int ReadEndedKids(MemoryContext context, TokenKid** out);
void RecordTokenKey(const protocol::TokenKey& key);

void PruneIdentities();

// NoteExpiredCertificates marks the certificates that have expired, each once, and the audit log
// records them.
void NoteExpiredCertificates();

// The rest is for ReadRevoked.
void SelectRevoked(const AuthorityIds& ids);
protocol::CaRevoked RevokedRow(uint64 row);

template <typename Visit>
void ReadRevoked(const AuthorityIds& ids, Visit&& visit) {
    SelectRevoked(ids);
    for (uint64 row = 0; row < SPI_processed; ++row) visit(RevokedRow(row));
}

}  // namespace pganalytics::pg
