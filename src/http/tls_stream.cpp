#include "http/tls_stream.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <new>

#include "http/tls_context.hpp"

namespace pganalytics::http {
namespace {

using WaitType = asio::posix::stream_descriptor::wait_type;

}  // namespace

TlsStream::TlsStream(asio::io_context& io, int fd, SSL_CTX* context, const core::Address& client)
    : descriptor_(io, fd), ssl_(SSL_new(context)) {
    if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), fd) != 1) throw std::bad_alloc();
    SSL_set_app_data(ssl_.get(), const_cast<core::Address*>(&client));
    SSL_set_accept_state(ssl_.get());
}

TlsStream::~TlsStream() = default;

Task<bool> TlsStream::Wait(WaitType type) {
    if (aborted_) co_return false;
    boost::system::error_code error;
    co_await descriptor_.async_wait(type, asio::redirect_error(asio::use_awaitable, error));
    co_return !error && !aborted_;
}

Task<bool> TlsStream::WaitFor(int ssl_error) {
    if (ssl_error == SSL_ERROR_WANT_READ) {
        co_return co_await Wait(asio::posix::stream_descriptor::wait_read);
    }
    if (ssl_error == SSL_ERROR_WANT_WRITE) {
        co_return co_await Wait(asio::posix::stream_descriptor::wait_write);
    }
    co_return false;
}

Task<bool> TlsStream::WaitReadable() { return Wait(asio::posix::stream_descriptor::wait_read); }

Task<bool> TlsStream::Handshake() {
    while (!aborted_) {
        ERR_clear_error();
        const int result = SSL_do_handshake(ssl_.get());
        if (result == 1) {
            // Acknowledge now. Without tickets the server sends nothing after the client's last
            // handshake message, and a client with Nagle's algorithm would wait 40 ms for a delayed
            // ACK before it sends its first request.
            const int on = 1;
            setsockopt(descriptor_.native_handle(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
            co_return true;
        }
        const int error = SSL_get_error(ssl_.get(), result);
        const bool ready = co_await WaitFor(error);
        if (!ready) break;
    }
    ERR_clear_error();
    co_return false;
}

TlsStream::ReadStatus TlsStream::TryRead(char* data, size_t size, size_t* got) {
    *got = 0;
    if (aborted_) return ReadStatus::kClosed;
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_.get(), data, size, got);
    if (result == 1) return ReadStatus::kData;
    return SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ ? ReadStatus::kWouldBlock
                                                                    : ReadStatus::kClosed;
}

Task<size_t> TlsStream::Read(char* data, size_t size) {
    while (true) {
        size_t got = 0;
        const ReadStatus status = TryRead(data, size, &got);
        if (status == ReadStatus::kData) co_return got;
        if (status == ReadStatus::kClosed) co_return 0;
        const bool ready = co_await WaitReadable();
        if (!ready) co_return 0;
    }
}

Task<bool> TlsStream::Write(std::string_view data) {
    while (!data.empty()) {
        if (aborted_) co_return false;
        ERR_clear_error();
        size_t written = 0;
        const int result = SSL_write_ex(ssl_.get(), data.data(), data.size(), &written);
        if (result == 1) {
            data.remove_prefix(written);
            continue;
        }
        const int error = SSL_get_error(ssl_.get(), result);
        const bool ready = co_await WaitFor(error);
        if (!ready) co_return false;
    }
    co_return true;
}

X509* TlsStream::Peer() const {
    if (SSL_is_init_finished(ssl_.get()) != 1 || ShowedForeign()) return nullptr;
    return SSL_get0_peer_certificate(ssl_.get());
}

bool TlsStream::ShowedForeign() const { return IsForeign(ssl_.get()); }

X509* TlsStream::Issuer() const {
    const STACK_OF(X509)* chain = SSL_get0_verified_chain(ssl_.get());
    return Peer() != nullptr && sk_X509_num(chain) > 1 ? sk_X509_value(chain, 1) : nullptr;
}

void TlsStream::Abort() {
    if (aborted_) return;
    aborted_ = true;
    boost::system::error_code ignored;
    descriptor_.cancel(ignored);
}

void TlsStream::Finish() {
    if (aborted_) return;
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
    shutdown(descriptor_.native_handle(), SHUT_WR);
}

Task<bool> TlsStream::DiscardRaw() {
    char sink[4096];
    while (true) {
        const ssize_t n = read(descriptor_.native_handle(), sink, sizeof(sink));
        if (n > 0) co_return true;
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) co_return false;
        const bool ready = co_await WaitReadable();
        if (!ready) co_return false;
    }
}

}  // namespace pganalytics::http
