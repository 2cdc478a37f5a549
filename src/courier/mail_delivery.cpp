#include "courier/mail_delivery.hpp"

#include <algorithm>
#include <string_view>

#include "core/mail_address.hpp"
#include "courier/mail_message.hpp"
#include "courier/signature.hpp"

namespace pganalytics::courier {
namespace {

using core::Error;
using core::Result;
using protocol::DeliveryOutcome;

constexpr size_t kMaxRecipients = 100;
constexpr size_t kMaxReplyBytes = 64 << 10;
constexpr size_t kMaxRefusalBytes = 200;
constexpr size_t kCodeBytes = 3;

Result<std::vector<std::string>> ReadRecipients(std::string_view lines) {
    std::vector<std::string> recipients;
    while (!lines.empty()) {
        const size_t end = std::min(lines.find('\n'), lines.size());
        const std::string_view address = lines.substr(0, end);
        if (!core::IsMailAddress(address)) {
            return Error{"\"" + Printable(address, kMaxRefusalBytes) + "\" is no mail address"};
        }
        recipients.emplace_back(address);
        lines.remove_prefix(std::min(end + 1, lines.size()));
    }
    if (recipients.empty()) return Error{"the mail is for nobody"};
    if (recipients.size() > kMaxRecipients) {
        return Error{"the mail is for more than " + std::to_string(kMaxRecipients) + " addresses"};
    }
    return recipients;
}

// CodeOf returns the code if `line` is the last line of a reply, else 0 (RFC 5321 section 4.2.1).
uint32_t CodeOf(std::string_view line) {
    if (line.size() < kCodeBytes || (line.size() > kCodeBytes && line[kCodeBytes] == '-')) return 0;
    uint32_t code = 0;
    for (const char c : line.substr(0, kCodeBytes)) {
        if (c < '0' || c > '9') return 0;
        code = code * 10 + static_cast<uint32_t>(c - '0');
    }
    return code;
}

std::string RelayUrl(const Config& config) {
    const bool ipv6 = config.relay_host.find(':') != std::string::npos;
    const std::string host = ipv6 ? "[" + config.relay_host + "]" : config.relay_host;
    // libcurl sends the path of this URL as the name in EHLO.
    return "smtp://" + host + ":" + std::to_string(config.relay_port) + "/" + config.host_name;
}

}  // namespace

Result<std::unique_ptr<Transfer>> MailDelivery::Make(const Config& config, Parcel parcel,
                                                     int64_t now) {
    auto recipients = ReadRecipients(parcel.delivery.recipients);
    if (!recipients) return recipients.error();
    return std::unique_ptr<Transfer>(
        new MailDelivery(config, std::move(parcel), std::move(*recipients), now));
}

MailDelivery::MailDelivery(const Config& config, Parcel parcel, std::vector<std::string> recipients,
                           int64_t now)
    : Transfer(config, std::move(parcel)), recipients_(std::move(recipients)) {
    const std::string& from = config_.mail_from;
    const size_t at = from.find('@');
    const std::string domain = at == std::string::npos ? config_.host_name : from.substr(at + 1);
    message_ = FormatMail({from, recipients_, DeliveryId(delivery()), domain, delivery().subject,
                           delivery().body, now});
    for (const std::string& recipient : recipients_) envelope_.Add(recipient);
    Set(CURLOPT_URL, RelayUrl(config_).c_str());
    Set(CURLOPT_PROTOCOLS_STR, "smtp");
    // Use TLS if the relay offers it, but do not verify the relay: TLS alone protects against
    // eavesdroppers. A relay is usually in the same network, often has a self-signed certificate,
    // and gets no password.
    Set(CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_TRY));
    Set(CURLOPT_SSL_VERIFYPEER, 0L);
    Set(CURLOPT_SSL_VERIFYHOST, 0L);
    Set(CURLOPT_MAIL_FROM, from.c_str());
    Set(CURLOPT_MAIL_RCPT, envelope_.get());
    // One wrong address must not keep the mail from the other recipients.
    Set(CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
    Set(CURLOPT_UPLOAD, 1L);
    Set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(message_.size()));
    Set(CURLOPT_READFUNCTION, &GiveMessage);
    Set(CURLOPT_READDATA, this);
    Set(CURLOPT_HEADERFUNCTION, &TakeReply);
    Set(CURLOPT_HEADERDATA, this);
    Set(CURLOPT_VERBOSE, 1L);
    Set(CURLOPT_DEBUGFUNCTION, &TakeTrace);
    Set(CURLOPT_DEBUGDATA, this);
}

int MailDelivery::TakeTrace(CURL*, curl_infotype type, char* data, size_t size, void* self) {
    if (type != CURLINFO_HEADER_OUT) return 0;
    const std::string_view command(data, size);
    auto* const delivery = static_cast<MailDelivery*>(self);
    // QUIT comes after the outcome is decided, so the replies after it do not count.
    delivery->leaving_ = delivery->leaving_ || command.substr(0, 4) == "QUIT";
    if (!delivery->leaving_) delivery->naming_recipients_ = command.substr(0, 5) == "RCPT ";
    return 0;
}

size_t MailDelivery::TakeReply(char* data, size_t size, size_t count, void* self) {
    auto* const delivery = static_cast<MailDelivery*>(self);
    const std::string_view line(data, size * count);
    delivery->reply_bytes_ += line.size();
    if (delivery->reply_bytes_ > kMaxReplyBytes) return 0;
    const uint32_t code = CodeOf(line);
    if (code == 0 || delivery->leaving_) return line.size();
    delivery->reply_ = code;
    if (code < 400) return line.size();
    delivery->refusal_ = Printable(line, kMaxRefusalBytes);
    if (!delivery->naming_recipients_) return line.size();
    if (OfSmtpReply(code) == DeliveryOutcome::kDead) {
        ++delivery->refused_recipients_;
        return line.size();
    }
    delivery->deferred_ = true;
    return 0;
}

size_t MailDelivery::GiveMessage(char* to, size_t size, size_t count, void* self) {
    auto* const delivery = static_cast<MailDelivery*>(self);
    const size_t bytes = std::min(size * count, delivery->message_.size() - delivery->given_);
    delivery->message_.copy(to, bytes, delivery->given_);
    delivery->given_ += bytes;
    return bytes;
}

Outcome MailDelivery::Finish(CURLcode result) {
    Outcome outcome;
    outcome.status = reply_;
    if (result == CURLE_OK) {
        outcome.outcome = DeliveryOutcome::kSent;
        if (refused_recipients_ > 0) {
            outcome.message = std::to_string(refused_recipients_) + " of " +
                              std::to_string(recipients_.size()) +
                              " recipients were refused: " + refusal_;
        }
        return outcome;
    }
    const bool for_somebody = naming_recipients_ && refused_recipients_ < recipients_.size();
    if (reply_ >= 400 && (deferred_ || !for_somebody)) {
        outcome.outcome = OfSmtpReply(reply_);
        outcome.message = "the mail relay says: " + refusal_;
    } else {
        outcome.message = "mail relay: " + Reason(result);
    }
    return outcome;
}

}  // namespace pganalytics::courier
