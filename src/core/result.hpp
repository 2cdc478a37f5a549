// Result: a value or an error. Functions return it for all failures that a peer, a file or a user
// can cause.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace pganalytics::core {

// ErrorKind distinguishes errors, so that callers never compare messages. kExpired: the credential
// was valid once and has expired.
enum class ErrorKind { kOther, kExpired };

// Error says what went wrong, so that a person can act on it. `status` is the HTTP status for the
// peer, 0 where there is no peer. `path` is the JSON path of the fault in a body; "" for the whole
// body.
struct Error {
    std::string message;
    int status = 0;
    std::string path = {};
    ErrorKind kind = ErrorKind::kOther;
};

// Result<T> holds a T or an Error. REQUIRES: value() is called only if ok() is true, error() only
// if ok() is false.
template <typename T>
class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }

    T& value() & { return std::get<0>(state_); }
    const T& value() const& { return std::get<0>(state_); }
    T&& value() && { return std::get<0>(std::move(state_)); }
    const Error& error() const { return std::get<1>(state_); }

    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }

  private:
    std::variant<T, Error> state_;
};

// Unit is the value of a Result that only reports success.
struct Unit {};
using Status = Result<Unit>;

}  // namespace pganalytics::core
