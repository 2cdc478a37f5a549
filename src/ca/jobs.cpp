#include "ca/jobs.hpp"

#include <algorithm>
#include <cstring>

#include "core/text.hpp"
#include "core/utf8.hpp"
#include "pki/authority.hpp"
#include "pki/crl.hpp"
#include "pki/csr.hpp"
#include "pki/facts.hpp"
#include "pki/files.hpp"
#include "pki/identity.hpp"
#include "pki/issue.hpp"
#include "pki/server_files.hpp"

namespace pganalytics::ca {
namespace {

using core::Error;
using core::Result;
using core::Status;
using core::Unit;
using protocol::CaCertificateKind;
using protocol::CaOperation;

constexpr char kListFile[] = "pganalytics_crl.pem";
constexpr size_t kKidDigits = 15;
constexpr int64_t kDay = 86400;

// Certificate owns the texts that a CaCertificate points to.
struct Certificate {
    CaCertificateKind kind = CaCertificateKind::kRefused;
    pki::Facts facts;
    std::string message;
};

// List owns the texts that a CaList points to.
struct List {
    std::string issuer;
    std::string der;
    int64_t number = 0;
    uint32_t entries = 0;
};

std::vector<std::string> SplitNames(std::string_view list) {
    std::vector<std::string> names;
    while (!list.empty()) {
        const size_t comma = std::min(list.find(','), list.size());
        std::string_view name = list.substr(0, comma);
        while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
        while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
        if (!name.empty()) names.emplace_back(name);
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return names;
}

class Job {
  public:
    Job(const Request& request, const Surroundings& surroundings)
        : request_(request), head_(request.head), surroundings_(surroundings) {}

    std::string Run() {
        Status done = Do();
        if (!done) {
            reply_.failed = 1;
            message_ = done.error().message;
            certificates_.clear();
            lists_.clear();
        }
        return Encode();
    }

  private:
    Status Do() {
        if (head_.operation == CaOperation::kMakeTokenKey) return MakeTokenKey();
        pki::AuthorityOptions options;
        options.directory = surroundings_.directory;
        options.name = std::string(head_.ca_name);
        options.crl_url = std::string(head_.crl_url);
        options.lifetime_days = head_.ca_lifetime_days;
        options.now = head_.now;
        options.passphrase = surroundings_.passphrase;
        if (!head_.ca_key_file.empty()) {
            options.cert_file = std::string(head_.ca_file);
            options.key_file = std::string(head_.ca_key_file);
        }
        auto authority = pki::Authority::Open(std::move(options), &notes_);
        if (!authority) return authority.error();
        switch (head_.operation) {
            case CaOperation::kEnsure:
            case CaOperation::kRotateServer:
                return Ensure(&*authority);
            case CaOperation::kIssue:
                return Issue(&*authority);
            case CaOperation::kRevocationLists:
                return MakeLists(&*authority);
            case CaOperation::kRotateAuthority: {
                Status done = authority->Rotate();
                if (!done) return done;
                notes_.emplace_back("made another certificate authority, which issues from now on");
                return Ensure(&*authority);
            }
            case CaOperation::kFinishRotation:
                return Finish(&*authority);
            case CaOperation::kMakeTokenKey:
                break;
        }
        return Error{"the operation is unknown"};
    }

    // Finish ends the rotation. Then it replaces the server's certificate, because the old
    // authority issued it. A crash between the two steps leaves a certificate whose authority is no
    // longer trusted; the next job replaces that certificate before any gateway starts with it.
    Status Finish(pki::Authority* authority) {
        Status done = authority->Finish();
        if (!done) return done;
        notes_.emplace_back("ended the trust in the certificate authority before");
        return Ensure(authority);
    }

    Status Ensure(pki::Authority* authority) {
        if (authority->FinishDue()) {
            Status done = authority->Finish();
            if (!done) return done;
            notes_.emplace_back("the certificate authority before has expired");
        }
        if (authority->RotationDue()) {
            Status done = authority->Rotate();
            if (!done) return done;
            notes_.emplace_back(
                "made another certificate authority: two thirds of the life of the one there have "
                "passed");
        }
        for (const pki::CertPtr& certificate : authority->certificates()) {
            Add(CaCertificateKind::kAuthority, certificate.get());
            // In an administrator's file, only the first certificate is the authority that issues.
            if (authority->given()) break;
        }
        // A key that cannot be used is reported now, and not only when somebody needs a
        // certificate.
        const Status issues = CheckIssuing(authority);
        Status done = head_.cert_file.empty() ? EnsureServer(authority) : DescribeServer();
        if (!issues) {
            if (!done) return issues;
            message_ = issues.error().message;
        }
        if (message_.empty() && authority->IsEarly()) {
            message_ =
                "the certificate authority is not valid yet: the clock is behind, or it was ahead "
                "when the authority was made";
        }
        return done;
    }

    // CheckIssuing: certificates can be issued, and lists signed.
    static Status CheckIssuing(pki::Authority* authority) {
        for (size_t i = 0; i < authority->certificates().size(); ++i) {
            if (authority->given() && i > 0) break;
            auto issuer = authority->KeyOf(i);
            if (!issuer) return issuer.error();
        }
        return authority->CheckLife();
    }

    Status EnsureServer(pki::Authority* authority) {
        pki::ServerOptions options;
        options.directory = surroundings_.directory;
        options.names = {surroundings_.host_name, "localhost", "127.0.0.1", "::1"};
        for (std::string& name : SplitNames(head_.server_names)) {
            options.names.push_back(std::move(name));
        }
        options.days = head_.server_certificate_days;
        options.now = head_.now;
        options.rotate = head_.operation == CaOperation::kRotateServer;
        auto server = pki::EnsureServer(options, authority, &notes_);
        if (!server) return server.error();
        message_ = server->problem;
        Add(CaCertificateKind::kServer, server->certificate.get());
        for (const pki::CertPtr& certificate : authority->certificates()) {
            authorities_ += pki::PemOf(certificate.get());
        }
        pins_ = pki::Pin(pki::SpkiSha256(server->key.get())) + " " +
                pki::Pin(pki::SpkiSha256(server->next_key.get()));
        return Unit{};
    }

    // DescribeServer reports the facts of a server certificate that the administrator provides. An
    // unreadable file is no error here, because the gateway reports it.
    Status DescribeServer() {
        if (head_.operation == CaOperation::kRotateServer) {
            return Error{"the server certificate is an administrator's"};
        }
        const auto chain = pki::LoadAuthorities(std::string(head_.cert_file));
        if (!chain) return Unit{};
        Add(CaCertificateKind::kServer, chain.value().front().get());
        for (const pki::CertPtr& certificate : chain.value()) {
            authorities_ += pki::PemOf(certificate.get());
        }
        pins_ = pki::Pin(certificates_.back().facts.spki_sha256);
        return Unit{};
    }

    // Issue first reads the authority's key, which may need the passphrase command. Then it closes
    // the sandbox, and only then it parses the requests.
    Status Issue(pki::Authority* authority) {
        auto issuer = authority->KeyOf(0);
        if (!issuer) return issuer.error();
        Status lives = authority->CheckLife();
        if (!lives) return lives;
        Status closed = surroundings_.close_sandbox();
        if (!closed) return closed;
        for (const protocol::CaIssue& issue : request_.issues) {
            auto made = IssueOne(*issuer, issue);
            if (made) {
                Add(CaCertificateKind::kCollector, made->get());
            } else {
                certificates_.push_back({CaCertificateKind::kRefused, {}, made.error().message});
            }
        }
        return Unit{};
    }

    Result<pki::CertPtr> IssueOne(const pki::Issuer& issuer, const protocol::CaIssue& issue) {
        auto key = pki::CheckRequest(issue.csr);
        if (!key) return key.error();
        return pki::MakeCollectorCertificate(issuer, key->get(), std::string(issue.name),
                                             core::FormatUuid(issue.collector_id),
                                             {head_.now, issue.days});
    }

    // MakeLists writes the lists to the file before the worker stores them in a table. A crash may
    // come between the two, so the numbers in the file count too: no list number may be used twice.
    Status MakeLists(pki::Authority* authority) {
        const std::string file = surroundings_.directory + "/" + kListFile;
        int64_t number = static_cast<int64_t>(head_.list_number);
        auto exists = pki::Exists(file);
        if (!exists) return exists.error();
        if (*exists) {
            auto old = pki::ReadFile("revocation list file", file);
            if (!old) return old.error();
            for (const pki::CrlNumber& one :
                 pki::CrlNumbers(std::string(pki::BytesOf(old->get())))) {
                number = std::max(number, one.number + 1);
            }
        }
        std::string text;
        for (size_t i = 0; i < authority->certificates().size(); ++i) {
            // If an administrator provides a chain, the program has only the key of the first
            // certificate.
            if (authority->given() && i > 0) break;
            auto issuer = authority->KeyOf(i);
            if (!issuer) return issuer.error();
            Status added = AddList(*issuer, number);
            if (!added) return added;
            text += pki::CrlPem(lists_.back().der);
        }
        return pki::WriteFile(file, pki::kCertificateMode, text);
    }

    Status AddList(const pki::Issuer& issuer, int64_t number) {
        List list;
        list.issuer = pki::KeyIdOf(issuer.certificate);
        std::vector<pki::Revoked> entries;
        for (const protocol::CaRevoked& one : request_.revoked) {
            if (one.issuer != list.issuer) continue;
            entries.push_back(
                {std::string(one.serial), one.revoked_at, static_cast<int>(one.reason)});
        }
        auto der = pki::MakeCrl(issuer, number, head_.now, NextUpdate(), entries);
        if (!der) return der.error();
        list.der = std::move(*der);
        list.number = number;
        list.entries = static_cast<uint32_t>(entries.size());
        lists_.push_back(std::move(list));
        return Unit{};
    }

    int64_t NextUpdate() const { return head_.now + head_.list_days * kDay; }

    Status MakeTokenKey() {
        const pki::KeyPtr key = pki::MakeKey();
        size_t size = 0;
        if (EVP_PKEY_get_octet_string_param(key.get(), "encoded-pub-key", reply_.token_key.point,
                                            sizeof(reply_.token_key.point), &size) != 1 ||
            size != sizeof(reply_.token_key.point)) {
            return Error{"could not make a key for tokens: " + pki::OpensslError()};
        }
        const core::Sha256 digest =
            pki::Sha256Of({reinterpret_cast<const char*>(reply_.token_key.point), size});
        const std::string kid =
            core::Hex({reinterpret_cast<const char*>(digest.bytes), sizeof(digest.bytes)})
                .substr(0, kKidDigits);
        std::memcpy(reply_.token_key.kid, kid.data(), kid.size());
        notes_.push_back("made the key " + kid + " for tokens");
        return pki::WriteKey(surroundings_.directory + "/pganalytics_token_" + kid + ".key",
                             key.get(), pki::NoPassphrase);
    }

    void Add(CaCertificateKind kind, X509* certificate) {
        certificates_.push_back({kind, pki::FactsOf(certificate), {}});
    }

    std::string Encode() {
        std::string notes;
        for (const std::string& note : notes_) notes += note + "\n";
        // The worker takes no reply whose texts cannot stand in a log.
        core::MakePrintable(notes.data(), notes.size(), core::Lines::kMany);
        core::MakePrintable(message_.data(), message_.size());
        for (Certificate& one : certificates_) {
            core::MakePrintable(one.facts.subject.data(), one.facts.subject.size());
            core::MakePrintable(one.message.data(), one.message.size());
        }
        reply_.certificates = static_cast<uint32_t>(certificates_.size());
        reply_.lists = static_cast<uint32_t>(lists_.size());
        reply_.message = message_;
        reply_.notes = notes;
        reply_.authorities = authorities_;
        reply_.pins = pins_;
        std::string payload;
        core::ByteSink<std::string> sink(&payload);
        protocol::Encode(reply_, &sink);
        for (const Certificate& one : certificates_) {
            const pki::Facts& facts = one.facts;
            protocol::Encode(protocol::CaCertificate{one.kind, 0, facts.sha256, facts.spki_sha256,
                                                     facts.not_before, facts.not_after,
                                                     facts.serial, facts.issuer, facts.key_id,
                                                     facts.subject, facts.pem, one.message},
                             &sink);
        }
        for (const List& list : lists_) {
            protocol::Encode(protocol::CaList{list.number, head_.now, NextUpdate(), list.entries, 0,
                                              list.issuer, list.der},
                             &sink);
        }
        return payload;
    }

    const Request& request_;
    const protocol::CaRequest& head_;
    const Surroundings& surroundings_;
    protocol::CaReply reply_;
    std::vector<Certificate> certificates_;
    std::vector<List> lists_;
    std::vector<std::string> notes_;
    std::string message_;
    std::string authorities_;
    std::string pins_;
};

}  // namespace

std::string Run(const Request& request, const Surroundings& surroundings) {
    return Job(request, surroundings).Run();
}

}  // namespace pganalytics::ca
