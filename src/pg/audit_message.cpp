// Audit message: a name is what stands in a message where its format has %s.
#include "pg/audit_message.hpp"

#ifdef ENABLE_NLS
#include <libintl.h>
#endif

namespace pganalytics::pg {
namespace {

constexpr std::string_view kPlace = "%s";

// OnePlace gives where the only conversion of a format is, npos if it has another or none.
size_t OnePlace(std::string_view format) {
    const size_t at = format.find('%');
    if (at == std::string_view::npos || format.substr(at, 2) != kPlace) return format.npos;
    return format.find('%', at + 1) == format.npos ? at : format.npos;
}

// TypeOf gives the kind of object: KIND in "permission denied for KIND %s", "must be owner of KIND
// %s", "must have admin option on KIND \"%s\""; elsewhere the last word before the name.
std::string_view TypeOf(std::string_view format) {
    const size_t place = OnePlace(format);
    if (place == format.npos) return {};
    std::string_view kind = format.substr(0, place);
    while (!kind.empty() && (kind.back() == ' ' || kind.back() == '"')) kind.remove_suffix(1);
    size_t start = 0;
    for (const std::string_view word : {" for ", " of ", " on "}) {
        const size_t at = kind.rfind(word);
        if (at != kind.npos) start = Max(start, at + word.size());
    }
    if (start == 0) start = kind.rfind(' ') + 1;
    return kind.substr(start);
}

// NameIn compares a message with its format in the language in which it was written.
std::string_view NameIn(const ErrorData& error) {
    const char* format = error.message_id;
#ifdef ENABLE_NLS
    if (error.domain != nullptr) format = ::dgettext(error.domain, format);
#endif
    const std::string_view translated = format;
    const std::string_view message = error.message;
    const size_t place = OnePlace(translated);
    if (place == translated.npos) return {};
    const std::string_view before = translated.substr(0, place);
    const std::string_view after = translated.substr(place + kPlace.size());
    if (message.size() < before.size() + after.size() || !message.starts_with(before) ||
        !message.ends_with(after)) {
        return {};
    }
    return message.substr(before.size(), message.size() - before.size() - after.size());
}

// IsBare: nothing of the message is PostgreSQL's own.
bool IsBare(std::string_view format) {
    return format.empty() || format.find("%s") == 0 || format.find("%m") == 0;
}

}  // namespace

void DescribeDenial(const ErrorData& error, AuditRecord* record) {
    if (error.message_id == nullptr || error.message == nullptr || IsBare(error.message_id)) {
        const bool setting = error.filename != nullptr && strcmp(error.filename, "guc.c") == 0;
        AddAuditDetail(record, "reason",
                       setting ? "the check of a setting" : "raised by a function or an extension");
        return;
    }
    const std::string_view type = TypeOf(error.message_id);
    if (!type.empty()) SetAuditResource(record, type, NameIn(error));
    AddAuditDetail(record, "reason", error.message_id);
}

}  // namespace pganalytics::pg
