// Unstored: counts the parts of a push that no table takes, by name, in bounded memory.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace pganalytics::ingest {

class Unstored {
  public:
    // kMaxNames limits the names of types and, separately, of fields. All further names are counted
    // under "*".
    static constexpr size_t kMaxNames = 100;
    // kMaxNameBytes is the length to which a longer name is cut. A cut never splits a character.
    static constexpr size_t kMaxNameBytes = 100;

    // CountType and CountField count one value. REQUIRES: UTF-8. Control characters, including NUL,
    // become '?', because jsonb accepts no NUL.
    void CountType(std::string_view type) { Count(&types_, type); }
    void CountField(std::string_view scope, std::string_view name);

    // ToJson returns {"fields":{name:count},"types":{name:count}}; "" if nothing was counted.
    std::string ToJson() const;

  private:
    using Names = std::map<std::string, uint64_t, std::less<>>;
    void Count(Names* names, std::string_view name);

    Names types_;
    Names fields_;
    std::string scratch_;
    std::string name_;
};

}  // namespace pganalytics::ingest
