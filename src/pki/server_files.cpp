#include "pki/server_files.hpp"

#include <algorithm>

#include "pki/facts.hpp"
#include "pki/files.hpp"
#include "pki/identity.hpp"
#include "pki/issue.hpp"

namespace pganalytics::pki {
namespace {

using core::Error;
using core::Result;
using core::Status;
using core::Unit;

// Work holds the state of one EnsureServer call.
class Work {
  public:
    Work(const ServerOptions& options, Authority* authority, std::vector<std::string>* notes)
        : options_(options), authority_(authority), notes_(notes) {}

    Result<ServerState> Run() {
        Status done = ReadFiles();
        if (done) done = Mend();
        if (done && !WhyNotGood().empty()) done = Issue(false, WhyNotGood());
        if (done && options_.rotate) done = Issue(true, "it was asked for");
        if (done) Renew();
        if (done) done = EnsureNextKey();
        if (!done) return done.error();
        return std::move(state_);
    }

  private:
    std::string Path(const char* name) const { return options_.directory + "/" + name; }

    Status ReadKeyIfThere(const char* name, KeyPtr* key) {
        auto exists = Exists(Path(name));
        if (!exists) return exists.error();
        if (!*exists) return Unit{};
        auto read = ReadKey(Path(name), NoPassphrase);
        if (!read) return read.error();
        *key = std::move(*read);
        return Unit{};
    }

    Status ReadFiles() {
        auto exists = Exists(Path(kServerFile));
        if (!exists) return exists.error();
        if (*exists) {
            auto loaded = LoadAuthorities(Path(kServerFile));
            if (!loaded) return loaded.error();
            state_.certificate = std::move(loaded->front());
        }
        Status done = ReadKeyIfThere(kServerKeyFile, &state_.key);
        if (done) done = ReadKeyIfThere(kNextServerKeyFile, &state_.next_key);
        return done;
    }

    bool Fits(const KeyPtr& key) const {
        if (state_.certificate == nullptr || key == nullptr) return false;
        const bool fits = X509_check_private_key(state_.certificate.get(), key.get()) == 1;
        OpensslError();
        return fits;
    }

    Status UseNextKey() {
        Status renamed = RenameFile(Path(kNextServerKeyFile), Path(kServerKeyFile));
        if (renamed) state_.key = std::move(state_.next_key);
        return renamed;
    }

    // Mend makes sure that there is a key. If the next key is the one that belongs to the
    // certificate, Mend makes it the current key.
    Status Mend() {
        if (Fits(state_.key)) return Unit{};
        // Either a crash came after the new certificate was written but before its key became the
        // current one, or the current key is lost. The next key may take its place, because
        // collectors know the next key's pin.
        if (Fits(state_.next_key) || (state_.key == nullptr && state_.next_key != nullptr)) {
            return UseNextKey();
        }
        if (state_.key != nullptr) return Unit{};
        state_.key = MakeKey();
        return WriteKey(Path(kServerKeyFile), state_.key.get(), NoPassphrase);
    }

    bool IssuerIsTrusted() const {
        for (const CertPtr& issuer : authority_->certificates()) {
            const bool signed_by =
                X509_verify(state_.certificate.get(), X509_get0_pubkey(issuer.get())) == 1;
            OpensslError();
            if (signed_by) return options_.now < NotAfter(issuer.get());
        }
        return false;
    }

    // WhyNotGood says why the certificate must be replaced, for the log; "" if it can stay.
    std::string WhyNotGood() const {
        if (state_.certificate == nullptr) return "there was none";
        if (!Fits(state_.key)) return "the one there did not belong to the key";
        if (!IssuerIsTrusted()) return "the authority of the one there is not trusted";
        if (options_.now >= NotAfter(state_.certificate.get())) return "the one there has expired";
        return "";
    }

    // IsDue is true if two thirds of the certificate's validity period have passed and a new
    // certificate would end later. A certificate never ends after its authority, so if the
    // authority ends soon, a new certificate would end no later.
    bool IsDue() const {
        const size_t issuer = authority_->ServerIssuer();
        const int64_t end = std::min(options_.now + options_.days * 86400,
                                     NotAfter(authority_->certificates()[issuer].get()));
        return options_.now >= RenewAt(state_.certificate.get()) &&
               end > NotAfter(state_.certificate.get());
    }

    // IsEarly: the certificate is not valid yet, because it was made while the clock was ahead, and
    // a new one would be valid. A new one is not valid either while the authority itself is not.
    bool IsEarly() const {
        const size_t issuer = authority_->ServerIssuer();
        return options_.now < NotBefore(state_.certificate.get()) &&
               options_.now >= NotBefore(authority_->certificates()[issuer].get());
    }

    // Renew replaces a valid certificate if the server's names or the URL of the revocation list
    // have changed, or if it is due. If that fails, the server keeps the old certificate.
    void Renew() {
        Status done = Unit{};
        if (!HasServerNames(state_.certificate.get(), options_.names)) {
            done = Issue(false, "the names of the server have changed");
        } else if (!HasCrlUrl(state_.certificate.get(), authority_->crl_url())) {
            done = Issue(false, "the address of the revocation list has changed");
        } else if (IsEarly()) {
            done = Issue(false, "the one there is not valid yet");
        } else if (IsDue()) {
            done = Issue(true, "two thirds of the life of the one there have passed");
        }
        if (!done) state_.problem = "server certificate was not renewed: " + done.error().message;
    }

    // Issue writes a new certificate: for the next key if with_next is true, else for the current
    // key.
    Status Issue(bool with_next, const std::string& why) {
        Status done = EnsureNextKey();
        auto issuer = authority_->KeyOf(authority_->ServerIssuer());
        if (done && !issuer) done = issuer.error();
        if (!done) return done;
        EVP_PKEY* const key = with_next ? state_.next_key.get() : state_.key.get();
        auto made =
            MakeServerCertificate(*issuer, key, options_.names, {options_.now, options_.days});
        if (!made) return made.error();
        std::string text = PemOf(made->get());
        // If the authority is not self-signed, clients need its certificate too, so the file
        // contains it.
        if (authority_->given() &&
            X509_check_issued(issuer->certificate, issuer->certificate) != 0) {
            text += PemOf(issuer->certificate);
        }
        done = WriteFile(Path(kServerFile), kCertificateMode, text);
        if (!done) return done;
        state_.certificate = std::move(*made);
        notes_->push_back("made a server certificate: " + why);
        return with_next ? UseNextKey() : Status(Unit{});
    }

    Status EnsureNextKey() {
        if (state_.next_key != nullptr) return Unit{};
        state_.next_key = MakeKey();
        return WriteKey(Path(kNextServerKeyFile), state_.next_key.get(), NoPassphrase);
    }

    const ServerOptions& options_;
    Authority* authority_;
    std::vector<std::string>* notes_;
    ServerState state_;
};

}  // namespace

Result<ServerState> EnsureServer(const ServerOptions& options, Authority* authority,
                                 std::vector<std::string>* notes) {
    return Work(options, authority, notes).Run();
}

}  // namespace pganalytics::pki
