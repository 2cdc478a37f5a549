#include "ingest/json/fault.hpp"

namespace pganalytics::ingest {

Fault Fault::In(std::string_view holder) && {
    std::string& path = what_->path;
    if (!path.empty() && path.front() != '[') path.insert(0, ".");
    path.insert(0, holder);
    return std::move(*this);
}

Fault FaultOf(JsonStatus status) {
    switch (status) {
        case JsonStatus::kOk:
            return {};
        case JsonStatus::kTooDeep:
            return {400, "nested deeper than " + std::to_string(kMaxDepth) + " levels"};
        case JsonStatus::kMalformed:
            break;
    }
    return {400, "not well-formed JSON"};
}

}  // namespace pganalytics::ingest
