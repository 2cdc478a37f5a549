// TlsStream: one TLS connection on a descriptor. OpenSSL reads and writes the descriptor itself;
// Asio only says when it is ready, so that an idle connection holds no buffers.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string_view>

#include "core/address.hpp"
#include "http/asio.hpp"

namespace pganalytics::http {

class TlsStream {
  public:
    // Takes the descriptor, which must be non-blocking. `client`, which must outlive the stream, is
    // for the context's PeerCheck. Throws std::bad_alloc.
    TlsStream(asio::io_context& io, int fd, SSL_CTX* context, const core::Address& client);
    ~TlsStream();
    TlsStream(const TlsStream&) = delete;
    TlsStream& operator=(const TlsStream&) = delete;

    enum class ReadStatus { kData, kWouldBlock, kClosed };

    // Handshake: false when it failed or was aborted.
    Task<bool> Handshake();

    // TryRead reads what is there without waiting.
    ReadStatus TryRead(char* data, size_t size, size_t* got);
    // Read waits for at least one byte. 0: the peer has closed, the stream failed or was aborted.
    Task<size_t> Read(char* data, size_t size);
    // WaitReadable waits until TryRead has something to say. False when aborted.
    Task<bool> WaitReadable();
    // Write sends all of `data`, which must live until it returns.
    Task<bool> Write(std::string_view data);

    // Peer is the certificate that the client has presented and proven to hold, Issuer that of its
    // authority; nullptr with none. They live as long as the stream.
    X509* Peer() const;
    X509* Issuer() const;

    // Abort ends every wait at once; reads and writes fail from now on. May be called by anyone.
    void Abort();
    bool aborted() const { return aborted_; }

    // Finish says close_notify and sends FIN, so that an answer on its way is not lost.
    void Finish();
    // DiscardRaw reads and drops what the peer still sends, undecrypted. False at its end.
    Task<bool> DiscardRaw();

  private:
    Task<bool> Wait(asio::posix::stream_descriptor::wait_type type);
    Task<bool> WaitFor(int ssl_error);

    struct SslFree {
        void operator()(SSL* ssl) const { SSL_free(ssl); }
    };
    asio::posix::stream_descriptor descriptor_;
    std::unique_ptr<SSL, SslFree> ssl_;
    bool aborted_ = false;
};

}  // namespace pganalytics::http
