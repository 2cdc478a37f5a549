#include "ingest/unstored.hpp"

#include <cjson/cJSON.h>

#include <memory>

namespace pganalytics::ingest {
namespace {

using JsonPtr = std::unique_ptr<cJSON, decltype(&cJSON_Delete)>;

}  // namespace

void Unstored::CountField(std::string_view scope, std::string_view name) {
    if (scope.empty()) return Count(&fields_, name);
    scratch_.assign(scope);
    scratch_ += '.';
    scratch_.append(name.substr(0, kMaxNameBytes + 4));
    Count(&fields_, scratch_);
}

void Unstored::Count(Names* names, std::string_view name) {
    if (name.size() > kMaxNameBytes) {
        size_t end = kMaxNameBytes;
        while (end > 0 && (name[end] & 0xC0) == 0x80) --end;
        name = name.substr(0, end);
    }
    name_.assign(name);
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
    const JsonPtr root(cJSON_CreateObject(), &cJSON_Delete);
    auto add = [&root](const char* key, const Names& names) {
        if (names.empty()) return;
        cJSON* object = cJSON_AddObjectToObject(root.get(), key);
        for (const auto& [name, count] : names) {
            cJSON_AddNumberToObject(object, name.c_str(), static_cast<double>(count));
        }
    };
    add("fields", fields_);
    add("types", types_);
    const std::unique_ptr<char, decltype(&cJSON_free)> text(cJSON_PrintUnformatted(root.get()),
                                                            &cJSON_free);
    if (text == nullptr) throw std::bad_alloc();
    return text.get();
}

}  // namespace pganalytics::ingest
