// RequestParser: Beast's HTTP/1.1 parser, with the strict checks that Beast leaves to its user. It
// takes bytes and gives one request.
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

// kMaxHeadBytes limits request line and header fields together; a larger head gets 431.
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

    // Put takes bytes from the front of `data` and sets *taken to their number. kNeedMore: put the
    // rest again, with more bytes after it. Errors: 400 for what is not a request of RFC 9112, 413,
    // 417, 431, 501, 505.
    enum class State { kNeedMore, kHeadDone, kDone };
    core::Result<State> Put(std::string_view data, size_t* taken);

    // LimitBody lowers the limit of the body, for a route that takes small bodies only. Error: 413
    // if the announced size is larger. REQUIRES: nothing of the body has been read.
    core::Status LimitBody(uint64_t max_body_bytes);
    uint64_t max_body_bytes() const { return max_body_bytes_; }

    bool head_done() const { return head_done_; }
    bool done() const { return parser_.is_done(); }

    std::string_view method() const;
    // Path and query of the target as received; for an absolute-form target, without scheme and
    // authority.
    std::string_view path() const { return path_; }
    std::string_view query() const { return query_; }
    bool is_http10() const { return parser_.get().version() == 10; }
    bool keep_alive() const { return parser_.keep_alive() && !is_http10(); }
    bool expects_continue() const { return expects_continue_; }
    // has_body: Content-Length above 0, or chunked.
    bool has_body() const { return has_body_; }
    std::optional<uint64_t> content_length() const;
    // Header gives a field's value, "" if the field is absent. Put checks that these come at most
    // once: Host, Content-Length, Transfer-Encoding, Authorization, Content-Type, Content-Encoding,
    // Expect, Idempotency-Key, X-Registration-Secret.
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
