// Tests of the parts of a delivery: signatures, mails, and the meaning of answers.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <regex>

#include "core/mail_address.hpp"
#include "courier/config.hpp"
#include "courier/mail_message.hpp"
#include "courier/outcome.hpp"
#include "courier/signature.hpp"

namespace pganalytics::courier {
namespace {

using protocol::DeliveryOutcome;

TEST(Outcome, HttpStatus) {
    for (const uint32_t status : {200u, 202u, 204u, 299u}) {
        EXPECT_EQ(OfHttpStatus(status), DeliveryOutcome::kSent) << status;
    }
    for (const uint32_t status : {408u, 425u, 429u, 500u, 502u, 503u, 504u, 599u}) {
        EXPECT_EQ(OfHttpStatus(status), DeliveryOutcome::kAgain) << status;
    }
    for (const uint32_t status : {301u, 302u, 307u, 308u, 400u, 401u, 403u, 404u, 410u, 422u}) {
        EXPECT_EQ(OfHttpStatus(status), DeliveryOutcome::kDead) << status;
    }
}

TEST(Outcome, SmtpReply) {
    EXPECT_EQ(OfSmtpReply(250), DeliveryOutcome::kSent);
    EXPECT_EQ(OfSmtpReply(421), DeliveryOutcome::kAgain);
    EXPECT_EQ(OfSmtpReply(452), DeliveryOutcome::kAgain);
    EXPECT_EQ(OfSmtpReply(550), DeliveryOutcome::kDead);
    EXPECT_EQ(OfSmtpReply(999), DeliveryOutcome::kAgain);
}

TEST(Outcome, RetryAfterIsBounded) {
    EXPECT_EQ(RetryAfter(-5), 0u);
    EXPECT_EQ(RetryAfter(0), 0u);
    EXPECT_EQ(RetryAfter(120), 120u);
    EXPECT_EQ(RetryAfter(3600), 3600u);
    EXPECT_EQ(RetryAfter(INT64_MAX), 3600u);
}

TEST(Outcome, StrangersBytesBecomeOneLine) {
    EXPECT_EQ(Printable("  a\r\n\tb  c \x1B[31m\xC3\xA4", 100), "a b c ?[31m??");
    EXPECT_EQ(Printable(std::string(500, 'x'), 100), std::string(100, 'x'));
    EXPECT_EQ(Printable(std::string(99, 'x') + " yy", 100), std::string(99, 'x') + " ");
    EXPECT_EQ(Printable(std::string("\0", 1), 100), "?");
}

// The value was computed with `openssl dgst -sha256 -hmac`.
TEST(Signature, Vector) {
    EXPECT_EQ(SignatureOf("0123456789abcdef", "{\"a\": 1}", 1700000000),
              "t=1700000000,v1="
              "09f4bb04e8cba11aeb0d90ffdd73e38a83be1c59cd0408c683d80645ea8dd3d1");
    EXPECT_NE(SignatureOf("0123456789abcdef", "{\"a\": 1}", 1700000001).substr(16),
              SignatureOf("0123456789abcdef", "{\"a\": 1}", 1700000000).substr(16));
}

TEST(Signature, IdNamesADelivery) {
    protocol::Delivery one;
    one.key = "ab";
    one.subject = "c";
    one.body = "body";
    const std::string id = DeliveryId(one);
    EXPECT_TRUE(std::regex_match(id, std::regex("[0-9a-f]{32}")));
    one.secret = "another";
    EXPECT_EQ(DeliveryId(one), id);
    protocol::Delivery other = one;
    other.key = "a";
    other.subject = "bc";
    EXPECT_NE(DeliveryId(other), id);
    other = one;
    other.body = "body2";
    EXPECT_NE(DeliveryId(other), id);
}

std::string Decode(const std::string& base64) {
    std::string out(base64.size(), '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(base64.data()),
                                     static_cast<int>(base64.size()));
    const auto padding = static_cast<size_t>(std::count(base64.begin(), base64.end(), '='));
    out.resize(static_cast<size_t>(size) - padding);
    return out;
}

// Decoded is the subject as a mail reader shows it. It fails on encoded words that are too long or
// that cut a character.
std::string Decoded(const std::string& subject) {
    static const std::regex kWord("(\r\n )?=\\?utf-8\\?B\\?([A-Za-z0-9+/=]+)\\?=");
    std::string text;
    size_t matched = 0;
    for (std::sregex_iterator at(subject.begin(), subject.end(), kWord), end; at != end; ++at) {
        EXPECT_LE(at->str(0).size(), 75u + 3);
        const std::string part = Decode(at->str(2));
        EXPECT_NE(static_cast<unsigned char>(part.front()) & 0xC0, 0x80);
        text += part;
        matched += at->str(0).size();
    }
    EXPECT_EQ(matched, subject.size());
    return text;
}

TEST(Mail, Subjects) {
    EXPECT_EQ(EncodeSubject("[FIRING:1] disk_full"), "[FIRING:1] disk_full");
    EXPECT_EQ(EncodeSubject("a\r\nBcc: x@y\tz\x7F"
                            "b"),
              "a  Bcc: x@y z b");
    EXPECT_EQ(EncodeSubject(std::string_view("a\0b", 3)), "a b");
    EXPECT_EQ(EncodeSubject(""), "");
    EXPECT_EQ(Decoded(EncodeSubject("=?utf-8?B?eA==?=")), "=?utf-8?B?eA==?=");
    EXPECT_EQ(Decoded(EncodeSubject("Größe")), "Größe");
    std::string text;
    for (int i = 0; i < 100; ++i) text += i % 3 == 0 ? "ä" : i % 3 == 1 ? "€" : "𝄞";
    EXPECT_EQ(Decoded(EncodeSubject(text)), text);
    EXPECT_EQ(Decoded(EncodeSubject(std::string(400, 'x'))), std::string(400, 'x'));
    // Encoding also ends for bytes that are not UTF-8.
    EXPECT_FALSE(EncodeSubject(std::string(400, '\x80')).empty());
}

TEST(Mail, Dates) {
    EXPECT_EQ(FormatDate(0), "Thu, 01 Jan 1970 00:00:00 +0000");
    EXPECT_EQ(FormatDate(1795442400), "Mon, 23 Nov 2026 14:00:00 +0000");
}

TEST(Mail, Message) {
    const std::string body = ".\r\n..\nFrom: x\n" + std::string(2000, 'y') + "ä\n";
    const std::string mail =
        FormatMail({"a@b", {"c@d", "e"}, "0123", "b", "Hello\nBcc: evil@x", body, 0});
    EXPECT_EQ(mail.find("evil"), mail.find("Subject: Hello Bcc: evil@x\r\n") + 20);
    const size_t end = mail.find("\r\n\r\n");
    const std::string head = mail.substr(0, end + 2);
    for (const char* line :
         {"Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n", "\r\nFrom: a@b\r\n",
          "\r\nTo: c@d,\r\n e\r\n", "\r\nMessage-ID: <0123@b>\r\n",
          "\r\nAuto-Submitted: auto-generated\r\n", "\r\nMIME-Version: 1.0\r\n"}) {
        EXPECT_NE(head.find(line), std::string::npos) << line;
    }
    std::string joined;
    for (size_t at = end + 4; at < mail.size();) {
        const size_t line = mail.find("\r\n", at);
        ASSERT_NE(line, std::string::npos);
        EXPECT_LE(line - at, 76u);
        joined += mail.substr(at, line - at);
        at = line + 2;
    }
    EXPECT_EQ(Decode(joined), body);
}

TEST(Config, MailAddresses) {
    for (const char* text : {"a@b", "root", "a.b+c@d.example", "o'neil@x", "a=b@c"}) {
        EXPECT_TRUE(core::IsMailAddress(text)) << text;
    }
    for (const char* text :
         {"", "a b@c", "a@b\r\nDATA", "<a@b>", "a@b,c@d", "\"a\"@b", "a@b@c", "@a", "a@", "a;b",
          "a@b\x01", "ä@b", "-oX@y", "(a)@b", "a\\@b", "a@[1.2.3.4]"}) {
        EXPECT_FALSE(core::IsMailAddress(text)) << text;
    }
    EXPECT_FALSE(core::IsMailAddress(std::string(255, 'a')));
}

protocol::CourierConfig Good() {
    protocol::CourierConfig told;
    told.connect_timeout_ms = 1;
    told.timeout_ms = 1;
    told.smtp_relay = "localhost:25";
    return told;
}

TEST(Config, Defaults) {
    auto config = MakeConfig(Good(), "db.example");
    ASSERT_TRUE(config);
    EXPECT_EQ(config->mail_from, "pganalytics@db.example");
    EXPECT_EQ(config->relay_host, "localhost");
    EXPECT_EQ(config->relay_port, 25);
    EXPECT_EQ(MakeConfig(Good(), "db/../x y")->mail_from, "pganalytics@localhost");
    EXPECT_EQ(MakeConfig(Good(), "10.0.0.1")->host_name, "localhost");
}

TEST(Config, FaultsAreNamed) {
    auto message_of = [](const protocol::CourierConfig& told) {
        const auto config = MakeConfig(told, "h");
        return config ? std::string() : config.error().message;
    };
    EXPECT_EQ(message_of(Good()), "");
    auto told = Good();
    told.timeout_ms = 0;
    EXPECT_NE(message_of(told), "");
    told = Good();
    told.allowed_hosts = "a,,b";
    EXPECT_NE(message_of(told).find("alert_allowed_hosts"), std::string::npos);
    told = Good();
    told.smtp_relay = "localhost";
    EXPECT_NE(message_of(told).find("smtp_relay"), std::string::npos);
    told = Good();
    told.mail_from = "a b";
    EXPECT_NE(message_of(told).find("alert_mail_from"), std::string::npos);
    told = Good();
    told.ca_file = "/nonexistent/ca.pem";
    EXPECT_EQ(message_of(told),
              "could not read \"/nonexistent/ca.pem\": No such file or directory");
    told.ca_file = PGANALYTICS_SOURCE_DIR "/LICENSE";
    EXPECT_NE(message_of(told).find("no PEM certificate"), std::string::npos);
    told.ca_file = PGANALYTICS_SOURCE_DIR;
    EXPECT_NE(message_of(told), "");
}

}  // namespace
}  // namespace pganalytics::courier
