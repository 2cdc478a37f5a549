#include "courier/mail_message.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <ctime>

#include "core/utf8.hpp"

namespace pganalytics::courier {
namespace {

constexpr size_t kPlainSubjectBytes = 65;  // these fit in a line after "Subject: "
constexpr size_t kWordBytes = 39;          // 52 digits in base64; encoded words have up to 75 bytes
constexpr size_t kLineBytes = 57;          // 76 digits in base64

std::string Base64(std::string_view bytes) {
    std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
    out.resize(static_cast<size_t>(size));
    return out;
}

// CharacterEnd returns the largest size, up to `cut`, that does not split a UTF-8 character. If
// that size is 0, it returns `cut` itself.
size_t CharacterEnd(std::string_view text, size_t cut) {
    const size_t end = core::CutUtf8(text, cut).size();
    return end == 0 && !text.empty() ? cut : end;
}

std::string Join(const std::vector<std::string>& addresses) {
    std::string joined;
    for (const std::string& address : addresses) {
        if (!joined.empty()) joined += ",\r\n ";
        joined += address;
    }
    return joined;
}

}  // namespace

std::string EncodeSubject(std::string_view text) {
    std::string plain(text);
    std::replace_if(
        plain.begin(), plain.end(), [](char c) { return (c >= '\0' && c < ' ') || c == '\x7F'; },
        ' ');
    const bool ascii =
        std::all_of(plain.begin(), plain.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (ascii && plain.size() <= kPlainSubjectBytes && plain.find("=?") == std::string::npos) {
        return plain;
    }
    std::string encoded;
    for (std::string_view rest = plain; !rest.empty();) {
        const size_t end = CharacterEnd(rest, kWordBytes);
        if (!encoded.empty()) encoded += "\r\n ";
        encoded += "=?utf-8?B?" + Base64(rest.substr(0, end)) + "?=";
        rest.remove_prefix(end);
    }
    return encoded;
}

std::string FormatDate(int64_t date) {
    const auto seconds = static_cast<time_t>(date);
    std::tm parts = {};
    gmtime_r(&seconds, &parts);
    char text[64];
    // The names are English: this program always runs in the C locale.
    const size_t size = std::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S +0000", &parts);
    return {text, size};
}

std::string FormatMail(const Mail& mail) {
    std::string out = "Date: " + FormatDate(mail.date) + "\r\nFrom: " + mail.from +
                      "\r\nTo: " + Join(mail.to) + "\r\nSubject: " + EncodeSubject(mail.subject) +
                      "\r\nMessage-ID: <" + mail.id + "@" + mail.domain +
                      ">\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                      "Content-Type: text/plain; charset=utf-8\r\n"
                      "Content-Transfer-Encoding: base64\r\n\r\n";
    for (std::string_view rest = mail.body; !rest.empty();) {
        const size_t size = std::min(rest.size(), kLineBytes);
        out += Base64(rest.substr(0, size)) + "\r\n";
        rest.remove_prefix(size);
    }
    return out;
}

}  // namespace pganalytics::courier
