// Mail message: makes an RFC 5322 message from parts. No part can add a line to its header.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pganalytics::courier {

struct Mail {
    std::string from;
    std::vector<std::string> to;
    std::string id;      // left part of the Message-ID
    std::string domain;  // right part of the Message-ID
    std::string_view subject;
    std::string_view body;  // UTF-8
    int64_t date = 0;       // Unix time in seconds
};

// FormatMail writes the message. Lines end in CRLF and have at most 78 bytes, except a line with a
// long address. The body is base64, so no text in it means anything to a mail server. REQUIRES:
// core::IsMailAddress is true for each address.
std::string FormatMail(const Mail& mail);

// EncodeSubject returns the text in the form for a header: unchanged if it is short printable
// ASCII, else as folded encoded words (RFC 2047). Control characters become spaces.
std::string EncodeSubject(std::string_view text);

// FormatDate writes Unix time in seconds in the form "Mon, 23 Nov 2026 14:00:00 +0000".
std::string FormatDate(int64_t date);

}  // namespace pganalytics::courier
