// CA messages: the two frames between the maintenance worker and pganalytics-ca. The request is a
// CaRequest with its items; the reply is a CaReply with its items. Each side treats the other as
// untrusted, as worker and gateway do.
#pragma once

#include "protocol/messages.hpp"

namespace pganalytics::protocol {

enum class CaOperation : uint32_t {
    kEnsure,           // bring the files of the authority and the server up to date
    kIssue,            // items: CaIssue
    kRevocationLists,  // items: CaRevoked; makes one list per trusted authority
    kRotateServer,     // make another server certificate, with the next key
    kRotateAuthority,  // make another authority beside the current one
    kFinishRotation,   // remove the older authority
    kMakeTokenKey,     // make a key that signs tokens
};

// CaRequest is the head of the request; `items` items follow. The program works in its current
// directory.
struct CaRequest {
    CaOperation operation = CaOperation::kEnsure;
    uint32_t items = 0;
    int64_t now = 0;  // Unix time in seconds; the program uses it instead of its own clock
    uint32_t ca_lifetime_days = 0;
    uint32_t server_certificate_days = 0;  // validity of the server's certificate
    uint32_t list_days = 0;                // time until the next revocation list
    uint32_t reserved = 0;
    uint64_t list_number = 0;  // the new list's number is at least this
    std::string_view ca_name;
    std::string_view ca_file;      // an administrator's authority; "": the program makes its own
    std::string_view ca_key_file;  // its key; "" if ca_file is ""
    std::string_view cert_file;  // an administrator's server certificate; "": the program makes one
    std::string_view server_names;  // more names besides the host's own, separated by commas
    std::string_view crl_url;  // URL of the revocation list, written into certificates; "": none
    std::string_view passphrase_command;

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.operation, m.items, m.now, m.ca_lifetime_days, m.server_certificate_days,
              m.list_days, m.reserved, m.list_number, m.ca_name, m.ca_file, m.ca_key_file,
              m.cert_file, m.server_names, m.crl_url, m.passphrase_command);
    }
};
inline constexpr uint32_t kMaxCaItems = 1000000;

// CaIssue is a collector's request for a certificate.
struct CaIssue {
    core::Uuid collector_id;
    uint32_t days = 0;  // validity, which never lasts longer than the authority's
    uint32_t reserved = 0;
    std::string_view name;
    std::string_view csr;  // PKCS #10, DER

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.collector_id, m.days, m.reserved, m.name, m.csr);
    }
};

// CaRevoked is an entry of a revocation list.
struct CaRevoked {
    int64_t revoked_at = 0;  // Unix time in seconds
    uint32_t reason = 0;     // RFC 5280 section 5.3.1
    uint32_t reserved = 0;
    std::string_view issuer;  // key identifier of the authority, lower-case hex
    std::string_view serial;  // hex

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.revoked_at, m.reason, m.reserved, m.issuer, m.serial);
    }
};

// CaReply is the first part of the reply. After it come CaCertificates and then CaLists; their
// numbers are in `certificates` and `lists`. If the job failed, there are none. The certificates
// are:
//   kIssue: one per item, in the order of the items.
//   kEnsure, kRotateServer, kRotateAuthority, kFinishRotation: first one for each authority whose
//     key the program has, beginning with the authority that issues; then the server's.
// Other operations return no certificates. Only kRevocationLists returns lists.
struct CaReply {
    uint32_t failed = 0;
    uint32_t certificates = 0;
    uint32_t lists = 0;
    uint32_t reserved = 0;
    TokenKey token_key = {};
    std::string_view message;      // why the job failed; after success, a lesser problem or ""
    std::string_view notes;        // what was done, as lines for the log
    std::string_view authorities;  // PEM certificates that verify the server, concatenated
    std::string_view pins;  // pins of the server's key and of its next key, separated by spaces

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.failed, m.certificates, m.lists, m.reserved, m.token_key, m.message, m.notes,
              m.authorities, m.pins);
    }
};

enum class CaCertificateKind : uint32_t { kAuthority, kServer, kCollector, kRefused };

struct CaCertificate {
    CaCertificateKind kind = CaCertificateKind::kRefused;
    uint32_t reserved = 0;
    core::Sha256 sha256;
    core::Sha256 spki_sha256;
    int64_t not_before = 0;  // Unix time in seconds
    int64_t not_after = 0;
    std::string_view serial;
    std::string_view issuer;   // key identifier of the authority that issued it
    std::string_view key_id;   // its own key identifier; "": none
    std::string_view subject;  // RFC 2253
    std::string_view pem;
    std::string_view message;  // why the request was refused

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.kind, m.reserved, m.sha256, m.spki_sha256, m.not_before, m.not_after, m.serial,
              m.issuer, m.key_id, m.subject, m.pem, m.message);
    }
};

struct CaList {
    int64_t number = 0;
    int64_t this_update = 0;  // Unix time in seconds
    int64_t next_update = 0;
    uint32_t entries = 0;
    uint32_t reserved = 0;
    std::string_view issuer;
    std::string_view der;

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.number, m.this_update, m.next_update, m.entries, m.reserved, m.issuer, m.der);
    }
};

}  // namespace pganalytics::protocol
