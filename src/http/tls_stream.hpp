// TlsStream: one TLS connection on a descriptor. OpenSSL reads and writes the descriptor itself.
// Asio only waits until the descriptor is ready, so an idle connection holds no buffers.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string_view>

#include "core/address.hpp"
#include "http/asio.hpp"

namespace pganalytics::http {

class TlsStream {
  public:
    // The stream owns `fd`, which must be non-blocking. The context's PeerCheck gets `client`,
    // which must outlive the stream. Throws std::bad_alloc.
    TlsStream(asio::io_context& io, int fd, SSL_CTX* context, const core::Address& client);
    ~TlsStream();
    TlsStream(const TlsStream&) = delete;
    TlsStream& operator=(const TlsStream&) = delete;

    enum class ReadStatus { kData, kWouldBlock, kClosed };

    // Handshake does the server's side of the TLS handshake. It returns false if the handshake
    // failed or was aborted.
    Task<bool> Handshake();

    // TryRead reads without waiting. It returns kWouldBlock if there is no data yet.
    ReadStatus TryRead(char* data, size_t size, size_t* got);
    // Read waits for at least one byte and returns the number of bytes read. It returns 0 if the
    // peer has closed, or if the stream failed or was aborted.
    Task<size_t> Read(char* data, size_t size);
    // WaitReadable waits until TryRead can return data or kClosed. It returns false if the stream
    // was aborted.
    Task<bool> WaitReadable();
    // Write sends all of `data`, which must live until Write returns. It returns false if the
    // stream failed or was aborted.
    Task<bool> Write(std::string_view data);

    // Peer returns the client's certificate. In the handshake the client has proven that it has the
    // key of this certificate. Issuer returns the certificate of the authority that issued it. Each
    // returns nullptr if there is no such certificate. The certificates live as long as the stream.
    X509* Peer() const;
    X509* Issuer() const;
    // ShowedForeign is true if the client has shown a certificate that is foreign
    // (tls_context.hpp). It is unverified, so Peer and Issuer return nullptr.
    bool ShowedForeign() const;

    // Abort ends every wait at once, and later reads and writes fail. Any code on the server's
    // thread may call it.
    void Abort();
    bool aborted() const { return aborted_; }

    // Finish sends close_notify and FIN. An answer that was written before still arrives.
    void Finish();
    // DiscardRaw reads and drops what the peer still sends, without decrypting it. It returns false
    // at end of file, on an error, or if the stream was aborted.
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
