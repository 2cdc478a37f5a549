// Rule template: expands a text in one pass.
#include "pg/alerts/rule_template.hpp"

#include "core/utf8.hpp"
#include "pg/base/visible_text.hpp"

extern "C" {
#include "lib/stringinfo.h"
}

namespace pganalytics::pg {
namespace {

// What ends a text that was cut.
constexpr char kCut[] = "...";

const char* SkipBlanks(const char* at) {
    while (*at == ' ' || *at == '\t') ++at;
    return at;
}

void AppendLabel(StringInfo out, Jsonb* labels, const char* name, int length) {
    JsonbValue found;
    if (getKeyJsonValueFromContainer(&labels->root, name, length, &found) == nullptr) return;
    if (found.type != jbvString) return;
    AppendVisible(out, {found.val.string.val, static_cast<size_t>(found.val.string.len)});
}

// Replace expands the placeholder at `at`: it appends the label or the value, and returns the text
// after the placeholder. The text at `at` begins with {{. If it is no placeholder, Replace returns
// nullptr.
const char* Replace(StringInfo out, const char* at, Jsonb* labels, const char* value) {
    constexpr char kLabels[] = "$labels.";
    constexpr char kValue[] = "$value";
    constexpr char kOfNames[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    at = SkipBlanks(at + 2);
    const char* name = nullptr;
    size_t length = 0;
    if (strncmp(at, kLabels, sizeof(kLabels) - 1) == 0) {
        name = at + sizeof(kLabels) - 1;
        length = strspn(name, kOfNames);
        if (length == 0) return nullptr;
        at = name + length;
    } else if (strncmp(at, kValue, sizeof(kValue) - 1) == 0) {
        at += sizeof(kValue) - 1;
    } else {
        return nullptr;
    }
    at = SkipBlanks(at);
    if (strncmp(at, "}}", 2) != 0) return nullptr;
    if (name != nullptr) {
        AppendLabel(out, labels, name, static_cast<int>(length));
    } else {
        appendStringInfoString(out, value);
    }
    return at + 2;
}

}  // namespace

char* ExpandTemplate(const char* text, Jsonb* labels, const char* value) {
    StringInfoData out;
    initStringInfo(&out);
    while (*text != '\0' && out.len <= kMaxAnnotationBytes) {
        if (strncmp(text, "{{", 2) == 0) {
            if (const char* const rest = Replace(&out, text, labels, value)) {
                text = rest;
                continue;
            }
        }
        appendStringInfoChar(&out, *text++);
    }
    if (out.len > kMaxAnnotationBytes) {
        const std::string_view kept = core::CutUtf8({out.data, static_cast<size_t>(out.len)},
                                                    kMaxAnnotationBytes - strlen(kCut));
        out.len = static_cast<int>(kept.size());
        appendStringInfoString(&out, kCut);
    }
    return out.data;
}

}  // namespace pganalytics::pg
