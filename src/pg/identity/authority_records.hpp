// Authority records: functions by which the maintenance worker reads and writes the records of the
// certificate authority. They call the SQL functions in sql/identity/authority_work.sql. Each
// raises any ERROR of its statement.
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

// PendingRequest is a request that waits for a certificate. ReadPendingRequests lists all pending
// requests and returns their number. The list and its strings are allocated in `context`.
struct PendingRequest {
    core::Uuid request_id;
    core::Uuid collector_id;
    const char* name;
    std::string_view csr;
    bool enabled;
    bool can_renew;  // false: a v3 collector, which never renews its certificate
};
int ReadPendingRequests(MemoryContext context, PendingRequest** out);

// RecordTrust stores the certificates of the authorities and of the server. If what collectors need
// to verify this server has changed, it also publishes a new trust document. If keep_former is
// true, the new document also contains what the former one contained.
// RecordTrust marks authorities that are not in `ids` as revoked. *retired gets the names of those
// that were trusted until now, allocated in `context`, or nullptr if there are none.
void RecordTrust(const protocol::CaReply& reply, const protocol::CaCertificate* certificates,
                 const AuthorityIds& ids, bool keep_former, MemoryContext context, char** retired);

// RecordIssued completes a request with the certificate that was issued for it. RecordRefused
// completes it with the reason of the refusal.
void RecordIssued(const PendingRequest& request, const protocol::CaCertificate& certificate);
void RecordRefused(const PendingRequest& request, std::string_view reason);

// ListStates says whether a revocation list is due and which number the next lists get. For each
// list it has a hash of the entries that the list must have now.
struct ListStates {
    bool due;
    int64 next_number;
    core::Sha256 contents[kMaxAuthorities];  // in the order of AuthorityIds
};
void ReadListStates(const AuthorityIds& ids, ListStates* out);

// ReadRevoked calls visit(CaRevoked) for each entry that the revocation lists must have. RecordList
// stores a list that was issued; `content` is the hash of its entries.
template <typename Visit>
void ReadRevoked(const AuthorityIds& ids, Visit&& visit);
void RecordList(const protocol::CaList& list, const core::Sha256& content);

// PendingJob is an operation that an administrator has requested. ReadPendingJob returns false if
// there is none. RecordJob completes it; `failure` is nullptr if the operation succeeded.
struct PendingJob {
    int64 job_id;
    char operation[NAMEDATALEN];
};
bool ReadPendingJob(PendingJob* out);
void RecordJob(const PendingJob& job, const char* failure);

// TokenKid is the identifier (kid) of a token key, as in the table.
struct TokenKid {
    char kid[16];
};
// ReadSigningKids reads the kids of the keys that sign and need no successor yet. ReadEndedKids
// reads the kids of the keys that no longer sign. A key that still signs but needs a successor is
// in neither list. Both return the number of kids. The list is allocated in `context`.
int ReadSigningKids(MemoryContext context, TokenKid** out);
int ReadEndedKids(MemoryContext context, TokenKid** out);
void RecordTokenKey(const protocol::TokenKey& key);

void PruneIdentities();

// NoteExpiredCertificates marks each expired certificate once, so that the audit log records each
// expiry once.
void NoteExpiredCertificates();

// SelectRevoked and RevokedRow are parts of ReadRevoked.
void SelectRevoked(const AuthorityIds& ids);
protocol::CaRevoked RevokedRow(uint64 row);

template <typename Visit>
void ReadRevoked(const AuthorityIds& ids, Visit&& visit) {
    SelectRevoked(ids);
    for (uint64 row = 0; row < SPI_processed; ++row) visit(RevokedRow(row));
}

}  // namespace pganalytics::pg
