// RequestParser: Beast's HTTP/1.1 parser, with the strict checks that Beast leaves to its user. It
// turns bytes into one request.
#pragma once

#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/parser.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/buffer.hpp"
#include "core/result.hpp"

namespace pganalytics::http {

// kMaxHeadBytes limits request line and header fields together. A larger head is refused with 431.
inline constexpr uint32_t kMaxHeadBytes = 16 << 10;

// BufferBody is a Beast Body that collects bytes in a core::Buffer without zeroing the buffer
// first.
struct BufferBody {
    using value_type = core::Buffer;

    class reader {
      public:
        template <bool kIsRequest, class Fields>
        reader(boost::beast::http::header<kIsRequest, Fields>&, value_type& body) : body_(body) {}
        void init(const boost::optional<std::uint64_t>&, boost::beast::error_code& error) {
            error = {};
        }
        template <class Buffers>
        size_t put(const Buffers& buffers, boost::beast::error_code& error) {
            error = {};
            size_t taken = 0;
            for (const boost::asio::const_buffer buffer :
                 boost::beast::buffers_range_ref(buffers)) {
                body_.Append({static_cast<const char*>(buffer.data()), buffer.size()});
                taken += buffer.size();
            }
            return taken;
        }
        void finish(boost::beast::error_code& error) { error = {}; }

      private:
        value_type& body_;
    };
};

class RequestParser {
  public:
    explicit RequestParser(uint64_t max_body_bytes);

    // Put parses bytes from the front of `data` and sets *taken to their number. After kNeedMore,
    // call Put again with the bytes that it did not take, followed by more bytes. Errors:
    //   400: the bytes are not a request of RFC 9112.
    //   413: the body is too large.
    //   417: the expectation is unknown.
    //   431: the head (request line and header fields) is too large.
    //   501: the transfer coding is unknown.
    //   505: the version of HTTP is neither 1.0 nor 1.1.
    enum class State { kNeedMore, kHeadDone, kDone };
    core::Result<State> Put(std::string_view data, size_t* taken);

    // LimitBody lowers the limit of the body, for a route that takes only small bodies. Error: 413
    // if the announced size is larger. REQUIRES: Put has not read any byte of the body.
    core::Status LimitBody(uint64_t max_body_bytes);
    uint64_t max_body_bytes() const { return max_body_bytes_; }

    bool head_done() const { return head_done_; }
    bool done() const { return parser_.is_done(); }

    std::string_view method() const;
    // path and query return these parts of the target as received. They leave out the scheme and
    // the authority of a target in absolute form.
    std::string_view path() const { return path_; }
    std::string_view query() const { return query_; }
    bool is_http10() const { return parser_.get().version() == 10; }
    bool keep_alive() const { return parser_.keep_alive() && !is_http10(); }
    bool expects_continue() const { return expects_continue_; }
    // has_body returns whether the request has a Content-Length above 0 or a chunked body.
    bool has_body() const { return has_body_; }
    std::optional<uint64_t> content_length() const;
    // Header returns a field's value, "" if the field is absent. Put refuses a request in which one
    // of these comes more than once: Host, Content-Length, Transfer-Encoding, Authorization,
    // Content-Type, Content-Encoding, Expect, Idempotency-Key, X-Registration-Secret.
    std::string_view Header(std::string_view name) const;
    bool HasHeader(std::string_view name) const;

    core::Buffer& body() { return parser_.get().body(); }

  private:
    core::Result<State> PutHead(std::string_view data, size_t* taken);
    core::Status CheckHead(std::string_view raw);
    core::Status CheckTarget();

    boost::beast::http::request_parser<BufferBody> parser_;
    uint64_t max_body_bytes_;
    bool head_done_ = false;
    bool has_body_ = false;
    bool expects_continue_ = false;
    std::string path_;
    std::string query_;
};

}  // namespace pganalytics::http
