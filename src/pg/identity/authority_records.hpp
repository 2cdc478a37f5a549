// Authority records: the maintenance worker reads and writes the records of the certificate
// authority with these calls of the functions in sql/identity/authority_work.sql. Each raises ERROR
// as its statement does.
// REQUIRES: SPI connected, the current role is pganalytics_maintenance.
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/ca_messages.hpp"

namespace pganalytics::pg {

inline constexpr int kMaxAuthorities = 8;

// AuthorityIds are the key identifiers of the trusted authorities. The first one issues
// certificates.
struct AuthorityIds {
    int count;
    char ids[kMaxAuthorities][41];
};

// PendingRequest is a request that waits for a certificate. Its strings live in the context given.
struct PendingRequest {
    core::Uuid request_id;
    core::Uuid collector_id;
    const char* name;
    std::string_view csr;
    bool enabled;
    bool can_renew;  // false: a v3 collector
};
int ReadPendingRequests(MemoryContext context, PendingRequest** out);

// RecordTrust stores the certificates of the authorities and of the server. If they have changed,
// it also publishes the new trust: that by which collectors recognize the server. With keep_former,
// collectors may still recognize it by the former trust. *retired names the authorities that were
// removed; nullptr: none.
void RecordTrust(const protocol::CaReply& reply, const protocol::CaCertificate* certificates,
                 const AuthorityIds& ids, bool keep_former, MemoryContext context, char** retired);

// RecordIssued completes a request with its certificate; RecordRefused completes it with the reason
// of the refusal.
void RecordIssued(const PendingRequest& request, const protocol::CaCertificate& certificate);
void RecordRefused(const PendingRequest& request, std::string_view reason);

// ListStates: whether a revocation list is due, the number of the next lists, and the hash of the
// content of each.
struct ListStates {
    bool due;
    int64 next_number;
    core::Sha256 contents[kMaxAuthorities];  // in the order of AuthorityIds
};
void ReadListStates(const AuthorityIds& ids, ListStates* out);

// ReadRevoked calls visit(CaRevoked) for each entry that the lists must contain.
template <typename Visit>
void ReadRevoked(const AuthorityIds& ids, Visit&& visit);
void RecordList(const protocol::CaList& list, const core::Sha256& content);

// PendingJob is an operation that an administrator has requested. False: there is none.
struct PendingJob {
    int64 job_id;
    char operation[NAMEDATALEN];
};
bool ReadPendingJob(PendingJob* out);
void RecordJob(const PendingJob& job, const char* failure);

// TokenKid is the kid of a token key, as in the table.
struct TokenKid {
    char kid[16];
};
// ReadSigningKids returns the keys that need no successor yet; ReadEndedKids those that no longer
// sign.
int ReadSigningKids(MemoryContext context, TokenKid** out);
int ReadEndedKids(MemoryContext context, TokenKid** out);
void RecordTokenKey(const protocol::TokenKey& key);

void PruneIdentities();

// NoteExpiredCertificates marks the certificates that have expired, each once. The audit log
// records each.
void NoteExpiredCertificates();

// The rest serves ReadRevoked.
void SelectRevoked(const AuthorityIds& ids);
protocol::CaRevoked RevokedRow(uint64 row);

template <typename Visit>
void ReadRevoked(const AuthorityIds& ids, Visit&& visit) {
    SelectRevoked(ids);
    for (uint64 row = 0; row < SPI_processed; ++row) visit(RevokedRow(row));
}

}  // namespace pganalytics::pg
