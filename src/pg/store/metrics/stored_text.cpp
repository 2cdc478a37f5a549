#include "pg/store/metrics/stored_text.hpp"

#include "pg/base/digest.hpp"
#include "pg/base/guc.hpp"
#include "redact/json_masker.hpp"
#include "redact/message_masker.hpp"
#include "redact/sql_masker.hpp"

extern "C" {
#include "lib/stringinfo.h"
}

namespace pganalytics::pg {
namespace {

using protocol::Content;

bool StoresAsSent() { return settings.query_texts == static_cast<int>(QueryTexts::kAsSent); }

// Mask calls append(piece) for each piece of the masked text. SQL in a schema's definitions is
// masked even if no text of a statement is stored: a definition is no statement.
template <typename Append>
void Mask(Content content, std::string_view text, Append&& append) {
    switch (content) {
        case Content::kNames:
            return append(text);
        case Content::kSql:
            return redact::MaskSql(text, append);
        case Content::kMessage:
            return redact::MaskMessage(text, StoresTexts(), append);
        case Content::kAnything:
            return append(std::string_view("<masked>"));
    }
}

struct Copy {
    StringInfoData buffer;

    explicit Copy(std::string_view text) {
        initStringInfo(&buffer);
        enlargeStringInfo(&buffer, static_cast<int>(text.size()));
    }
    void Append(std::string_view piece) {
        appendBinaryStringInfo(&buffer, piece.data(), static_cast<int>(piece.size()));
    }
    std::string_view text() const { return {buffer.data, static_cast<size_t>(buffer.len)}; }
};

}  // namespace

bool StoresTexts() { return settings.query_texts != static_cast<int>(QueryTexts::kNone); }

core::Uuid HashOfText(std::string_view text) {
    const core::Sha256 digest = DigestBytes(text);
    core::Uuid hash;
    memcpy(hash.bytes, digest.bytes, sizeof(hash.bytes));
    return hash;
}

std::string_view StoredText(Content content, std::string_view text) {
    if (content == Content::kNames || StoresAsSent()) return text;
    if (content == Content::kSql && !StoresTexts()) return {};
    Copy copy(text);
    Mask(content, text, [&copy](std::string_view piece) { copy.Append(piece); });
    return copy.text();
}

std::string_view StoredJson(Content content, std::string_view json) {
    if (content == Content::kNames || StoresAsSent()) return json;
    auto* const scratch =
        static_cast<char*>(MemoryContextAllocHuge(CurrentMemoryContext, json.size() + 1));
    Copy copy(json);
    redact::MaskJson(
        json, scratch,
        [content](std::string_view string, auto write) { Mask(content, string, write); },
        [&copy](std::string_view piece) { copy.Append(piece); });
    pfree(scratch);
    return copy.text();
}

}  // namespace pganalytics::pg
