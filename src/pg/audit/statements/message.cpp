// Audit message: finds in a message the text that stands for the %s of the message's format.
#include "pg/audit/statements/message.hpp"

#ifdef ENABLE_NLS
#include <libintl.h>
#endif

namespace pganalytics::pg {
namespace {

constexpr std::string_view kPlace = "%s";

// OnePlace returns the position of %s if that is the only conversion of a format, else npos.
size_t OnePlace(std::string_view format) {
    const size_t at = format.find('%');
    if (at == std::string_view::npos || format.substr(at, 2) != kPlace) return format.npos;
    return format.find('%', at + 1) == format.npos ? at : format.npos;
}

// TypeOf returns the kind of the object that a format names: KIND in "permission denied for KIND
// %s", "must be owner of KIND %s", "must have admin option on KIND \"%s\"". In other formats it
// returns the last word before %s.
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

const char* Translated(const char* domain, const char* format) {
#ifdef ENABLE_NLS
    if (domain != nullptr) return ::dgettext(domain, format);
#endif
    (void)domain;
    return format;
}

// Matches compares a message with its format. It first translates the format into the language of
// the message. If they match, *name is the text in the place of the only %s.
bool Matches(const char* domain, const char* source, std::string_view message,
             std::string_view* name) {
    const std::string_view format = Translated(domain, source);
    const size_t place = OnePlace(format);
    if (place == format.npos) return false;
    const std::string_view before = format.substr(0, place);
    const std::string_view after = format.substr(place + kPlace.size());
    if (message.size() < before.size() + after.size() || !message.starts_with(before) ||
        !message.ends_with(after)) {
        return false;
    }
    *name = message.substr(before.size(), message.size() - before.size() - after.size());
    return true;
}

// FormatFromWorker finds the format of an error that a parallel worker has sent, because the worker
// sends the message without its format. It tries only the formats of aclcheck_error, and only if
// aclcheck_error raised the error. It returns nullptr if it finds none.
const char* FormatFromWorker(const ErrorData& error, std::string_view* name) {
    constexpr const char* kFormats[] = {
        "permission denied for table %s",     "permission denied for function %s",
        "permission denied for schema %s",    "permission denied for view %s",
        "permission denied for sequence %s",  "permission denied for materialized view %s",
        "permission denied for procedure %s", "permission denied for foreign table %s",
        "permission denied for type %s",      "permission denied for language %s",
    };
    if (error.funcname == nullptr || strcmp(error.funcname, "aclcheck_error") != 0) return nullptr;
    for (const char* format : kFormats) {
        if (Matches(PG_TEXTDOMAIN("postgres"), format, error.message, name)) return format;
    }
    return nullptr;
}

// IsBare: the format begins with a conversion, so the message can begin with any text.
bool IsBare(std::string_view format) {
    return format.empty() || format.find("%s") == 0 || format.find("%m") == 0;
}

}  // namespace

void DescribeDenial(const ErrorData& error, AuditRecord* record) {
    const char* format = error.message_id;
    std::string_view name;
    if (error.message == nullptr) format = nullptr;
    if (format != nullptr) {
        (void)Matches(error.domain, format, error.message, &name);
    } else if (error.message != nullptr) {
        format = FormatFromWorker(error, &name);
    }
    if (format == nullptr || IsBare(format)) {
        const bool setting = error.filename != nullptr && strcmp(error.filename, "guc.c") == 0;
        AddAuditDetail(record, "reason",
                       setting ? "the check of a setting" : "raised by a function or an extension");
        return;
    }
    const std::string_view type = TypeOf(format);
    if (!type.empty()) SetAuditResource(record, type == "parameter" ? "setting" : type, name);
    AddAuditDetail(record, "reason", format);
}

}  // namespace pganalytics::pg
