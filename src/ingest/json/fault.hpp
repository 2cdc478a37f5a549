// Fault: what is wrong with a value of a push, and where it stands.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "ingest/json/json.hpp"

namespace pganalytics::ingest {

// Fault is an HTTP status, a reason, and the path of the value, "" for the value that was read.
// An empty one, which every value of a good push gives, is a null pointer.
class [[nodiscard]] Fault {
  public:
    Fault() = default;
    Fault(int status, std::string reason, std::string path = "")
        : what_(std::make_unique<What>(What{status, std::move(reason), std::move(path)})) {}

    explicit operator bool() const { return what_ != nullptr; }
    // REQUIRES: not empty.
    int status() const { return what_->status; }
    const std::string& reason() const { return what_->reason; }
    const std::string& path() const { return what_->path; }

    // In gives the same fault as the holder of the value sees it: "rows[3]" before "hash".
    // REQUIRES: not empty.
    Fault In(std::string_view holder) &&;

  private:
    struct What {
        int status;
        std::string reason;
        std::string path;
    };
    std::unique_ptr<What> what_;
};

// FaultOf is the fault of a value that could not be read.
Fault FaultOf(JsonStatus status);

}  // namespace pganalytics::ingest
