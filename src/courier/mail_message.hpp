// Mail message: an RFC 5322 message out of parts, none of which can add a line to its header.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pganalytics::courier {

struct Mail {
    std::string from;
    std::vector<std::string> to;
    std::string id;      // of the Message-ID, at the sender's host
    std::string domain;  // of it
    std::string_view subject;
    std::string_view body;  // UTF-8
    int64_t date = 0;       // Unix time in seconds
};

// FormatMail writes the message, lines ending in CRLF and none longer than 78 bytes but that of a
// long address. Its body is base64: nothing in it means anything to a mail server.
// REQUIRES: addresses are core::IsMailAddress.
std::string FormatMail(const Mail& mail);

// EncodeSubject gives a text as it may stand in a header: as it is if it is short printable ASCII,
// else as encoded words (RFC 2047), folded. Control characters become spaces.
std::string EncodeSubject(std::string_view text);

// FormatDate writes "Mon, 23 Nov 2026 14:00:00 +0000".
std::string FormatDate(int64_t date);

}  // namespace pganalytics::courier
