#include "ingest/inflate.hpp"

#include <libdeflate.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>

namespace pganalytics::ingest {
namespace {

using core::Buffer;
using core::Error;
using core::Result;

constexpr size_t kFirstGuess = size_t{256} << 10;
// kMaxDeflateRatio: DEFLATE expands at most 1032 times (RFC 1951: 258 bytes from two bits), so a
// body cannot inflate to more than that.
constexpr size_t kMaxDeflateRatio = 1032;

Error Damaged(const char* format) {
    return {std::string("the ") + format + " body is damaged or cut", 400};
}

Error TooLarge(size_t limit) {
    return {"the body inflates to more than " + std::to_string(limit) + " bytes", 413};
}

// GuessGzipSize uses the length in the trailer only as a hint: the sender may write any number
// there.
size_t GuessGzipSize(std::string_view body, size_t limit) {
    uint32_t isize = 0;
    if (body.size() >= 4) std::memcpy(&isize, body.data() + body.size() - 4, 4);
    return std::min({std::max<size_t>(isize, 1), body.size() * kMaxDeflateRatio, limit});
}

Result<Buffer> InflateGzip(std::string_view body, size_t limit) {
    const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)>
        inflater(libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
    if (inflater == nullptr) throw std::bad_alloc();
    Buffer out;
    out.Reserve(GuessGzipSize(body, limit));
    size_t at = 0;
    while (at < body.size()) {
        size_t used = 0;
        size_t written = 0;
        const libdeflate_result result = libdeflate_gzip_decompress_ex(
            inflater.get(), body.data() + at, body.size() - at, out.data() + out.size(),
            out.capacity() - out.size(), &used, &written);
        if (result == LIBDEFLATE_INSUFFICIENT_SPACE) {
            if (out.capacity() >= limit) return TooLarge(limit);
            out.Reserve(std::min(limit, std::max(kFirstGuess, out.capacity() * 2)));
            continue;
        }
        if (result != LIBDEFLATE_SUCCESS || used == 0) return Damaged("gzip");
        at += used;
        out.Resize(out.size() + written);
    }
    return out;
}

Result<Buffer> InflateZstd(std::string_view body, size_t limit) {
    const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> inflater(ZSTD_createDCtx(),
                                                                        &ZSTD_freeDCtx);
    if (inflater == nullptr) throw std::bad_alloc();
    // Refuse a window of more than 8 MB (RFC 8878 section 3.1.1): it would take memory, and no
    // sender of statistics needs it.
    ZSTD_DCtx_setParameter(inflater.get(), ZSTD_d_windowLogMax, 23);
    const unsigned long long claimed = ZSTD_getFrameContentSize(body.data(), body.size());
    if (claimed == ZSTD_CONTENTSIZE_ERROR) return Damaged("zstd");
    Buffer out;
    const bool known = claimed != ZSTD_CONTENTSIZE_UNKNOWN;
    if (known && claimed > limit) return TooLarge(limit);
    // The claimed size may be false. Begin with at most 64 times the body, and allocate more as
    // bytes arrive.
    const size_t ratio_bound = body.size() * 64;
    out.Reserve(std::min(limit, known ? std::min<size_t>(claimed + 1, ratio_bound) : kFirstGuess));
    ZSTD_inBuffer in{body.data(), body.size(), 0};
    size_t left = 1;
    while (true) {
        ZSTD_outBuffer to{out.data(), out.capacity(), out.size()};
        const size_t in_before = in.pos;
        left = ZSTD_decompressStream(inflater.get(), &to, &in);
        if (ZSTD_isError(left)) return Damaged("zstd");
        const bool moved = in.pos != in_before || to.pos != out.size();
        out.Resize(to.pos);
        if (left == 0 && in.pos == in.size) return out;
        if (to.pos == to.size) {
            // The buffer is full, but there may still be a checksum to read.
            if (out.capacity() >= limit && moved) continue;
            if (out.capacity() >= limit) return TooLarge(limit);
            out.Reserve(std::min(limit, std::max(kFirstGuess, out.capacity() * 2)));
        } else if (in.pos == in.size || !moved) {
            return Damaged("zstd");
        }
    }
}

}  // namespace

Compression DetectCompression(std::string_view body) {
    if (body.starts_with("\x1f\x8b")) return Compression::kGzip;
    if (body.starts_with("\x28\xb5\x2f\xfd")) return Compression::kZstd;
    return Compression::kNone;
}

size_t AnnouncedSize(Compression compression, std::string_view body, size_t limit) {
    unsigned long long size = body.size();
    if (compression == Compression::kGzip) size = GuessGzipSize(body, limit);
    if (compression == Compression::kZstd) {
        const auto claimed = ZSTD_getFrameContentSize(body.data(), body.size());
        const bool known = claimed != ZSTD_CONTENTSIZE_ERROR && claimed != ZSTD_CONTENTSIZE_UNKNOWN;
        if (known) size = claimed;
    }
    return static_cast<size_t>(std::min<unsigned long long>(size, limit));
}

Result<Buffer> Inflate(Compression compression, std::string_view body, size_t limit) {
    switch (compression) {
        case Compression::kGzip:
            return InflateGzip(body, limit);
        case Compression::kZstd:
            return InflateZstd(body, limit);
        case Compression::kNone:
            break;
    }
    if (body.size() > limit) return TooLarge(limit);
    return Buffer(body);
}

}  // namespace pganalytics::ingest
