#include "http/connection.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <span>

#include "http/problem.hpp"

namespace pganalytics::http {
namespace {

using core::Error;
using core::Status;
using core::Unit;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kLingerTime{2};
constexpr size_t kBytesInOneTurn = size_t{256} << 10;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
// Status 0: the client is gone, so nobody waits for an answer.
const Error kGone{"the client is gone", 0};

// TooMany makes a 429 response. `again` says that the request before this one got 429 too; the
// response then closes the connection.
Response TooMany(unsigned wait_s, bool again) {
    Response response =
        Problem(ProblemDetails{429, "too many requests come from this address", "", "", wait_s});
    response.close = again;
    return response;
}

std::string TextOf(const core::Address& address) {
    char text[core::kAddressTextBytes];
    core::FormatAddress(address, text);
    return text;
}

std::string DateNow() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return HttpDate(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

void Cleanse(std::string& text) { OPENSSL_cleanse(text.data(), text.size()); }

// CleanseAll also overwrites the string's unused capacity.
void CleanseAll(std::string& text) {
    text.resize(text.capacity());
    Cleanse(text);
}

// Cleansing overwrites the received bytes and the body of a request in its destructor, which runs
// however the request ends.
struct Cleansing {
    std::string& input;
    core::Buffer& body;
    bool wanted;
    ~Cleansing() {
        if (!wanted) return;
        CleanseAll(input);
        if (body.data() != nullptr) OPENSSL_cleanse(body.data(), body.capacity());
    }
};

// MoveTo appends `bytes` to `text` and then overwrites `bytes`. If `text` needs larger memory,
// MoveTo also overwrites the old memory.
void MoveTo(std::string& text, std::span<char> bytes) {
    if (text.size() + bytes.size() > text.capacity()) {
        std::string grown;
        grown.reserve(2 * (text.size() + bytes.size()));
        grown.append(text);
        CleanseAll(text);
        text.swap(grown);
    }
    text.append(bytes.data(), bytes.size());
    OPENSSL_cleanse(bytes.data(), bytes.size());
}

// MakeRoom gives the body room for `more` further bytes. If too little of the budget or of the
// sender's share is left, it returns false and leaves the body as it was.
// Beyond kFreeBodyBytes the memory grows to twice of what has arrived. So who holds memory has sent
// half as many bytes, whatever size was announced.
bool MakeRoom(size_t more, RequestParser& parser, Lease& lease) {
    core::Buffer& body = parser.body();
    const size_t most = parser.content_length().value_or(parser.max_body_bytes());
    const size_t needed = std::min(body.size() + more, most);
    if (needed <= body.capacity()) return true;
    const size_t capacity =
        std::min<size_t>(needed <= kFreeBodyBytes ? kFreeBodyBytes : 2 * needed, most);
    if (!lease.Hold(capacity)) return false;
    body.Reserve(capacity);
    return true;
}

}  // namespace

std::unique_ptr<ConnectionMemo>& Exchange::memo() { return connection_.memo_; }

const TlsStream& Exchange::stream() const { return connection_.stream_; }

const std::string& Exchange::address() const { return connection_.address_; }

const core::Address& Exchange::client() const { return connection_.client_; }

Exchange::Exchange(Connection& connection, Budget& budget, RequestParser& request,
                   std::string& input)
    : lease(budget, connection.sender_),
      connection_(connection),
      request_(request),
      input_(input) {}

void Exchange::SetSender(const Sender& sender) {
    connection_.sender_ = sender;
    lease.ChargeTo(sender);
}

Task<Status> Exchange::ReadBody() { return connection_.ReadBody(request_, input_, lease); }

Connection::Connection(ServerContext& server, int fd, const core::Address& client)
    : server_(server),
      client_(client),
      sender_(Sender::OfNetwork(client)),
      stream_(server.io, fd, server.tls.get(), client_),
      address_(TextOf(client)),
      accepted_(Clock::now()),
      deadline_(accepted_ + server.options.connection_timeout) {}

Task<> Connection::Run() {
    StartWaiting();
    const bool secured = co_await stream_.Handshake();
    if (!secured) {
        ++server_.stats.handshakes_failed;
        // Linger so that the client can read the TLS alert that says why the handshake failed.
        // Closing a socket with unread bytes sends a reset, which can overtake the alert.
        co_await Linger();
        co_return;
    }
    bool open = !last_;
    while (open) {
        if (pending_.empty()) open = co_await AwaitRequest();
        if (open) open = co_await ServeRequest();
    }
}

// AwaitRequest waits for the first bytes of a request. Meanwhile the connection is idle and holds
// no buffers.
Task<bool> Connection::AwaitRequest() {
    // Even past its lifetime a connection stays open for kIdleGrace after it has become idle. A
    // request that arrives in that time is answered, and the answer says Connection: close.
    deadline_ =
        std::max(accepted_ + server_.options.connection_lifetime, Clock::now() + kIdleGrace);
    pending_.shrink_to_fit();
    StopWaiting();
    EnterIdle();
    bool readable = true;
    while (readable) {
        size_t got = 0;
        const auto status = stream_.TryRead(server_.scratch.data(), server_.scratch.size(), &got);
        if (status == TlsStream::ReadStatus::kData) {
            Take(pending_, got);
            break;
        }
        if (status == TlsStream::ReadStatus::kClosed) break;
        readable = co_await stream_.WaitReadable();
    }
    LeaveIdle();
    co_return !pending_.empty();
}

void Connection::Take(std::string& input, size_t bytes) {
    if (server_.options.cleanse_input) {
        MoveTo(input, std::span(server_.scratch.data(), bytes));
    } else {
        input.append(server_.scratch.data(), bytes);
    }
}

// ReadMore appends what the client sends next. It returns false if the client sends no more.
Task<bool> Connection::ReadMore(std::string& input) {
    while (true) {
        size_t got = 0;
        const auto status = stream_.TryRead(server_.scratch.data(), server_.scratch.size(), &got);
        if (status == TlsStream::ReadStatus::kData) {
            Take(input, got);
            co_return true;
        }
        if (status == TlsStream::ReadStatus::kClosed) co_return false;
        const bool readable = co_await stream_.WaitReadable();
        if (!readable) co_return false;
    }
}

Task<Status> Connection::ReadHead(RequestParser& parser, std::string& input) {
    deadline_ = Clock::now() + server_.options.connection_timeout;
    StartWaiting();
    while (true) {
        size_t taken = 0;
        auto state = parser.Put(input, &taken);
        input.erase(0, taken);
        if (!state) co_return state.error();
        if (parser.head_done()) break;
        const bool more = co_await ReadMore(input);
        if (!more) co_return kGone;
    }
    StopWaiting();
    co_return Unit{};
}

Task<Status> Connection::ReadBody(RequestParser& parser, std::string& input, Lease& lease) {
    if (parser.done()) co_return Unit{};
    const Error busy{"too many bodies are in memory", 503};
    const TimePoint begun = Clock::now();
    deadline_ = begun + server_.options.connection_timeout;
    StartWaiting();
    if (parser.expects_continue() && input.empty()) {
        const bool sent = co_await stream_.Write(kContinue);
        if (!sent) co_return kGone;
    }
    size_t since_yield = 0;
    while (true) {
        if (!MakeRoom(input.size(), parser, lease)) co_return busy;
        size_t taken = 0;
        auto state = parser.Put(input, &taken);
        input.erase(0, taken);
        if (!state) co_return state.error();
        if (parser.done()) break;
        // What has arrived gives more time, what was announced does not. So a body that makes no
        // progress is cut, and one of any size ends at a time that its size sets.
        deadline_ = begun + server_.options.connection_timeout +
                    std::chrono::milliseconds(parser.body().size() * 1000 / kSlowestBytesPerSecond);
        // A client on a fast network always has more bytes ready: let the other connections run in
        // between.
        since_yield += taken;
        if (since_yield >= kBytesInOneTurn) {
            since_yield = 0;
            co_await asio::post(server_.io, asio::use_awaitable);
        }
        const bool more = co_await ReadMore(input);
        if (!more) co_return kGone;
    }
    // From here on the handler's own time limits apply.
    deadline_ = TimePoint::max();
    StopWaiting();
    co_return Unit{};
}

Task<Response> Connection::Handle(Exchange& exchange) {
    deadline_ = TimePoint::max();
    try {
        co_return co_await server_.router.Handle(exchange);
    } catch (const std::bad_alloc&) {
    }
    co_return Problem(ProblemDetails{503, "out of memory", "", "", 5});
}

Task<bool> Connection::ServeRequest() {
    std::string input = std::exchange(pending_, {});
    RequestParser parser(server_.options.max_body_bytes);
    const Cleansing cleansing{input, parser.body(), server_.options.cleanse_input};
    const Status head = co_await ReadHead(parser, input);
    if (!head && head.error().status == 0) co_return false;
    ++server_.stats.requests;
    const unsigned wait_s = std::exchange(admitted_, false) ? 0 : server_.Admit(client_);
    const bool was_limited = std::exchange(limited_, wait_s != 0);
    if (!head) {
        const Response refusal = Problem(head.error().status, head.error().message);
        co_await Answer(refusal, false, false);
        co_return false;
    }
    Exchange exchange(*this, server_.budget, parser, input);
    Response response;
    if (limited_) {
        response = TooMany(wait_s, was_limited);
    } else {
        response = co_await Handle(exchange);
    }
    if (response.status == 0) co_return false;
    // Keep the connection only if the whole body was read: the rest of an unread body would be
    // taken for the next request.
    const bool keep = parser.done() && parser.keep_alive() && !response.close && !last_ &&
                      !server_.draining &&
                      Clock::now() < accepted_ + server_.options.connection_lifetime;
    const bool sent = co_await Answer(response, keep, parser.method() == "HEAD");
    if (response.secret) Cleanse(response.body);
    if (!server_.options.cleanse_input) {
        pending_ = std::move(input);
    } else if (keep) {
        pending_.assign(input);
    }
    co_return sent&& keep;
}

Task<bool> Connection::Answer(const Response& response, bool keep, bool head_only) {
    if (response.status >= 400) ++server_.stats.refused;
    if (response.status == 429) ++server_.stats.rate_limited;
    deadline_ = Clock::now() + server_.options.connection_timeout;
    StartWaiting();
    std::string bytes = Serialize(response, !keep, head_only, DateNow());
    const bool sent = co_await stream_.Write(bytes);
    if (response.secret) Cleanse(bytes);
    if (sent && !keep) co_await Linger();
    co_return sent;
}

void Connection::EnterIdle() {
    idle_since_ = Clock::now();
    idle_self_ = server_.idle.insert(server_.idle.end(), this);
    idle_ = true;
}

void Connection::LeaveIdle() {
    if (!idle_) return;
    idle_ = false;
    server_.idle.erase(idle_self_);
}

void Connection::StartWaiting() {
    StopWaiting();
    waiting_ = server_.waits.Enter(sender_, this);
}

void Connection::StopWaiting() {
    if (!waiting_) return;
    server_.waits.Leave(*waiting_);
    waiting_.reset();
}

// Linger ends our side of the connection and waits up to kLingerTime for the client to close its
// own side. Closing a socket with unread bytes would send RST, which can overtake the answer.
Task<> Connection::Linger() {
    deadline_ = Clock::now() + kLingerTime;
    lingering_ = true;
    stream_.Finish();
    bool more = true;
    while (more) more = co_await stream_.DiscardRaw();
}

}  // namespace pganalytics::http
