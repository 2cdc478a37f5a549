#include "http/request_parser.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>

#include "core/address.hpp"
#include "core/hex.hpp"

namespace pganalytics::http {
namespace {

namespace beast = boost::beast::http;
using core::Error;
using core::Result;
using core::Status;
using core::Unit;

std::string_view View(boost::beast::string_view text) { return {text.data(), text.size()}; }

bool IsAlphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// IsName: the text is a reg-name of RFC 3986 section 3.2.2, which every IPv4 address is, too.
bool IsName(std::string_view text) {
    constexpr std::string_view kOthers = "-._~!$&'()*+,;=";
    while (!text.empty()) {
        const bool is_escape =
            text.front() == '%' && text.size() >= 3 && core::HexByte(text.data() + 1) >= 0;
        if (!is_escape && !IsAlphanumeric(text.front()) &&
            kOthers.find(text.front()) == std::string_view::npos) {
            return false;
        }
        text.remove_prefix(is_escape ? 3 : 1);
    }
    return true;
}

bool IsIpv6(std::string_view text) {
    core::Address address;
    return text.find(':') != std::string_view::npos &&
           core::ParseAddress(std::string(text).c_str(), &address);
}

// IsHost: the text is `uri-host [":" port]` (RFC 9112 section 3.2). That grammar allows an empty
// host, too.
bool IsHost(std::string_view text) {
    const size_t bracket = text.starts_with('[') ? text.find(']') : 0;
    if (bracket == std::string_view::npos) return false;
    const size_t end = std::min(text.find(':', bracket), text.size());
    const std::string_view host = text.substr(0, end);
    const std::string_view port = text.substr(std::min(end + 1, text.size()));
    if (port.size() > 5 || port.find_first_not_of("0123456789") != std::string_view::npos) {
        return false;
    }
    if (bracket == 0) return IsName(host);
    return host.ends_with(']') && IsIpv6(host.substr(1, host.size() - 2));
}

Error TooLarge(uint64_t max_body_bytes) {
    return {"the body is larger than " + std::to_string(max_body_bytes) + " bytes", 413};
}

Error ErrorOf(const boost::beast::error_code& code, uint64_t max_body_bytes) {
    if (code == beast::error::header_limit || code == beast::error::buffer_overflow) {
        return {
            "the head of the request is larger than " + std::to_string(kMaxHeadBytes) + " bytes",
            431};
    }
    if (code == beast::error::body_limit) {
        return TooLarge(max_body_bytes);
    }
    if (code == beast::error::bad_version) return {"only HTTP/1.0 and HTTP/1.1 are spoken", 505};
    return {"the request is not HTTP/1.1: " + code.message(), 400};
}

// Fields that may come only once: if one came twice, a proxy and this server could understand the
// request differently.
constexpr std::string_view kSingleFields[] = {
    "Host",   "Content-Length",  "Transfer-Encoding", "Authorization",        "Content-Type",
    "Expect", "Idempotency-Key", "Content-Encoding",  "X-Registration-Secret"};

}  // namespace

RequestParser::RequestParser(uint64_t max_body_bytes) : max_body_bytes_(max_body_bytes) {
    parser_.header_limit(kMaxHeadBytes);
    parser_.body_limit(max_body_bytes);
}

Status RequestParser::LimitBody(uint64_t max_body_bytes) {
    max_body_bytes_ = max_body_bytes;
    parser_.body_limit(max_body_bytes);
    if (content_length().value_or(0) > max_body_bytes) return TooLarge(max_body_bytes);
    return Unit{};
}

std::string_view RequestParser::method() const { return View(parser_.get().method_string()); }

std::string_view RequestParser::Header(std::string_view name) const {
    const auto& fields = parser_.get();
    const auto found = fields.find(boost::beast::string_view(name.data(), name.size()));
    return found == fields.end() ? std::string_view{} : View(found->value());
}

bool RequestParser::HasHeader(std::string_view name) const {
    return parser_.get().count(boost::beast::string_view(name.data(), name.size())) > 0;
}

std::optional<uint64_t> RequestParser::content_length() const {
    const auto length = parser_.content_length();
    return length ? std::optional<uint64_t>(*length) : std::nullopt;
}

Result<RequestParser::State> RequestParser::Put(std::string_view data, size_t* taken) {
    *taken = 0;
    if (!head_done_) return PutHead(data, taken);
    boost::beast::error_code error;
    *taken = parser_.put(boost::asio::const_buffer(data.data(), data.size()), error);
    if (error && error != beast::error::need_more) {
        return ErrorOf(error, max_body_bytes_);
    }
    if (parser_.is_done()) return State::kDone;
    return State::kNeedMore;
}

Result<RequestParser::State> RequestParser::PutHead(std::string_view data, size_t* taken) {
    // A server should ignore empty lines before a request (RFC 9112 section 2.2).
    while (data.starts_with("\r\n")) {
        data.remove_prefix(2);
        *taken += 2;
    }
    boost::beast::error_code error;
    const size_t n = parser_.put(boost::asio::const_buffer(data.data(), data.size()), error);
    *taken += n;
    if (error == beast::error::need_more || (!error && !parser_.is_header_done())) {
        return State::kNeedMore;
    }
    if (error) return ErrorOf(error, max_body_bytes_);
    if (Status status = CheckHead(data.substr(0, n)); !status) return status.error();
    head_done_ = true;
    parser_.eager(true);
    return parser_.is_done() ? State::kDone : State::kHeadDone;
}

Status RequestParser::CheckHead(std::string_view raw) {
    // Refuse folded lines: Beast joins them, but other readers understand them differently (RFC
    // 9112 section 5.2).
    if (raw.find("\r\n ") != std::string_view::npos ||
        raw.find("\r\n\t") != std::string_view::npos) {
        return Error{"folded header fields are not accepted", 400};
    }
    const auto& fields = parser_.get();
    for (const std::string_view name : kSingleFields) {
        if (fields.count(boost::beast::string_view(name.data(), name.size())) > 1) {
            return Error{"header field " + std::string(name) + " is there twice", 400};
        }
    }
    // Beast also accepts a list of equal lengths. Accept only a single number.
    if (Header("Content-Length").find_first_not_of("0123456789") != std::string_view::npos) {
        return Error{"Content-Length is not a number", 400};
    }
    if (!is_http10() && !HasHeader("Host")) return Error{"header field Host is missing", 400};
    if (!IsHost(Header("Host"))) return Error{"Host is not a host with a port or without", 400};
    if (HasHeader("Transfer-Encoding")) {
        if (HasHeader("Content-Length")) {
            return Error{"Transfer-Encoding and Content-Length exclude each other", 400};
        }
        if (is_http10()) return Error{"HTTP/1.0 knows no Transfer-Encoding", 400};
        if (!boost::beast::iequals(fields["Transfer-Encoding"], "chunked")) {
            return Error{"the only Transfer-Encoding is chunked", 501};
        }
    }
    has_body_ = parser_.chunked() || content_length().value_or(0) > 0;
    if (HasHeader("Expect") && !is_http10()) {
        if (!boost::beast::iequals(fields["Expect"], "100-continue")) {
            return Error{"the only expectation met is 100-continue", 417};
        }
        expects_continue_ = has_body_;
    }
    return CheckTarget();
}

Status RequestParser::CheckTarget() {
    std::string_view target = View(parser_.get().target());
    for (const char c : target) {
        if (c <= 0x20 || c >= 0x7F || c == '#') return Error{"the target is not a path", 400};
    }
    // Servers must also accept the absolute form (RFC 9112 section 3.2.2).
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (!boost::beast::iequals(
                boost::beast::string_view(target.data(), std::min(target.size(), scheme.size())),
                boost::beast::string_view(scheme.data(), scheme.size()))) {
            continue;
        }
        target.remove_prefix(scheme.size());
        const size_t slash = target.find('/');
        const std::string_view authority = target.substr(0, std::min(slash, target.find('?')));
        if (authority.empty() || !IsHost(authority)) return Error{"the target names no host", 400};
        target = slash == std::string_view::npos ? "/" : target.substr(slash);
        break;
    }
    if (!target.starts_with('/')) return Error{"the target is not a path", 400};
    const size_t mark = target.find('?');
    path_ = target.substr(0, mark);
    if (mark != std::string_view::npos) query_ = target.substr(mark + 1);
    return Unit{};
}

}  // namespace pganalytics::http
