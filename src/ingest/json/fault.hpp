// Fault: an error in a value of a push, with its place.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "ingest/json/json.hpp"

namespace pganalytics::ingest {

// Fault is an HTTP status, a reason, and the path of the value; the path is "" for the value that
// was just read. An empty Fault means success and is only a null pointer.
class [[nodiscard]] Fault {
  public:
    Fault() = default;
    Fault(int status, std::string reason, std::string path = "")
        : what_(std::make_unique<What>(What{status, std::move(reason), std::move(path)})) {}

    explicit operator bool() const { return what_ != nullptr; }
    // REQUIRES for status, reason and path: the Fault is not empty.
    int status() const { return what_->status; }
    const std::string& reason() const { return what_->reason; }
    const std::string& path() const { return what_->path; }

    // In returns the same fault with `holder` put before its path: "queries[3]" before "hash" gives
    // "queries[3].hash". REQUIRES: not empty.
    Fault In(std::string_view holder) &&;

  private:
    struct What {
        int status;
        std::string reason;
        std::string path;
    };
    std::unique_ptr<What> what_;
};

// FaultOf returns the fault for a value that could not be read; an empty Fault for kOk.
Fault FaultOf(JsonStatus status);

}  // namespace pganalytics::ingest
