#include "ingest/unstored.hpp"

#include "core/json_writer.hpp"
#include "core/utf8.hpp"

namespace pganalytics::ingest {
void Unstored::CountField(std::string_view scope, std::string_view name) {
    if (scope.empty()) return Count(&fields_, name);
    scratch_.assign(scope);
    scratch_ += '.';
    scratch_.append(name.substr(0, kMaxNameBytes + 4));
    Count(&fields_, scratch_);
}

void Unstored::Count(Names* names, std::string_view name) {
    name_.assign(core::CutUtf8(name, kMaxNameBytes));
    for (char& c : name_) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
    }
    auto found = names->find(name_);
    if (found == names->end()) {
        found = names->try_emplace(names->size() < kMaxNames ? name_ : "*", 0).first;
    }
    ++found->second;
}

std::string Unstored::ToJson() const {
    if (types_.empty() && fields_.empty()) return "";
    core::JsonWriter json;
    auto add = [&json](const char* key, const Names& names) {
        if (names.empty()) return;
        json.Key(key);
        json.BeginObject();
        for (const auto& [name, count] : names) json.Member(name, static_cast<int64_t>(count));
        json.EndObject();
    };
    json.BeginObject();
    add("fields", fields_);
    add("types", types_);
    json.EndObject();
    return json.text();
}

}  // namespace pganalytics::ingest
