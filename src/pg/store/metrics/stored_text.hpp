// Stored text: what is stored of a text that may hold statements, as pganalytics.query_texts says.
#pragma once

#include <string_view>

#include "core/types.hpp"
#include "pg/base/prelude.hpp"
#include "protocol/catalog/types.hpp"

namespace pganalytics::pg {

// StoresTexts: something is stored of the texts of statements.
bool StoresTexts();

// StoredText returns what is stored of a text: the text itself, or a masked copy in the current
// context. If nothing is stored of it, data() is nullptr. ERROR 54000 if the masked copy is too
// large.
std::string_view StoredText(protocol::Content content, std::string_view text);

// HashOfText returns the hash of a stored text, as the SQL function pganalytics.text_hash does.
// REQUIRES: a transaction. ERROR XX000 if the crypto library fails.
core::Uuid HashOfText(std::string_view text);

// StoredJson does the same for the strings in a JSON text, which it always returns.
std::string_view StoredJson(protocol::Content content, std::string_view json);

}  // namespace pganalytics::pg
