// Tests of inflating: it returns the whole contents or an error, and never more than the allowed
// size.
#include "ingest/inflate.hpp"

#include <gtest/gtest.h>
#include <libdeflate.h>
#include <zstd.h>

#include <cstdint>
#include <cstring>
#include <string>

namespace pganalytics::ingest {
namespace {

std::string Gzip(const std::string& data) {
    auto* compressor = libdeflate_alloc_compressor(6);
    std::string out(libdeflate_gzip_compress_bound(compressor, data.size()), '\0');
    out.resize(
        libdeflate_gzip_compress(compressor, data.data(), data.size(), out.data(), out.size()));
    libdeflate_free_compressor(compressor);
    return out;
}

// Zstd compresses; with `streamed` the frame header does not state the size of the contents.
std::string Zstd(const std::string& data, bool streamed = false) {
    std::string out(ZSTD_compressBound(data.size()), '\0');
    ZSTD_CCtx* context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, streamed ? 0 : 1);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    out.resize(ZSTD_compress2(context, out.data(), out.size(), data.data(), data.size()));
    ZSTD_freeCCtx(context);
    return out;
}

std::string Text(size_t size) {
    std::string text;
    while (text.size() < size) text += "SELECT " + std::to_string(text.size() * 2654435761u) + "; ";
    text.resize(size);
    return text;
}

int StatusOf(Compression compression, const std::string& body, size_t limit) {
    const auto result = Inflate(compression, body, limit);
    return result ? 200 : result.error().status;
}

TEST(Inflate, KnowsFormatsByTheirFirstBytes) {
    EXPECT_EQ(DetectCompression(Gzip("x")), Compression::kGzip);
    EXPECT_EQ(DetectCompression(Zstd("x")), Compression::kZstd);
    EXPECT_EQ(DetectCompression("{}"), Compression::kNone);
    EXPECT_EQ(DetectCompression("\x1f"), Compression::kNone);
    EXPECT_EQ(DetectCompression(""), Compression::kNone);
}

TEST(Inflate, GivesBackTheContent) {
    for (const size_t size : {size_t{0}, size_t{1}, size_t{1000}, size_t{3} << 20}) {
        const std::string text = Text(size);
        for (const std::string& body : {Gzip(text), Zstd(text), Zstd(text, true)}) {
            const auto result = Inflate(DetectCompression(body), body, 4 << 20);
            ASSERT_TRUE(result.ok()) << size << result.error().message;
            EXPECT_EQ(result->view(), text);
        }
    }
}

TEST(Inflate, MembersAreOneContent) {
    const std::string a = Text(400000);
    const std::string b = Text(5);
    const auto gzip = Inflate(Compression::kGzip, Gzip(a) + Gzip(b), 1 << 20);
    ASSERT_TRUE(gzip.ok());
    EXPECT_EQ(gzip->view(), a + b);
    const auto zstd = Inflate(Compression::kZstd, Zstd(a, true) + Zstd(b), 1 << 20);
    ASSERT_TRUE(zstd.ok());
    EXPECT_EQ(zstd->view(), a + b);
}

TEST(Inflate, TheLimitIsExact) {
    const std::string text = Text(300000);
    for (const std::string& body : {Gzip(text), Zstd(text), Zstd(text, true)}) {
        const Compression compression = DetectCompression(body);
        EXPECT_EQ(StatusOf(compression, body, text.size()), 200);
        EXPECT_EQ(StatusOf(compression, body, text.size() - 1), 413);
        EXPECT_EQ(StatusOf(compression, body, 1), 413);
    }
    EXPECT_EQ(StatusOf(Compression::kGzip, Gzip(Text(300000)) + Gzip(text), text.size()), 413);
}

TEST(Inflate, BombsStopAtTheLimit) {
    const std::string zeros(64 << 20, '\0');
    EXPECT_EQ(StatusOf(Compression::kGzip, Gzip(zeros), 1 << 20), 413);
    EXPECT_EQ(StatusOf(Compression::kZstd, Zstd(zeros), 1 << 20), 413);
    EXPECT_EQ(StatusOf(Compression::kZstd, Zstd(zeros, true), 1 << 20), 413);
}

TEST(Inflate, LengthInTheTrailerIsNotBelieved) {
    const std::string text = Text(5000);
    for (const uint32_t claim : {0u, 1u, 0xFFFFFFFFu}) {
        std::string body = Gzip(text);
        std::memcpy(body.data() + body.size() - 4, &claim, 4);
        EXPECT_EQ(StatusOf(Compression::kGzip, body, 1 << 20), 400) << claim;
    }
}

TEST(Inflate, AnnouncedSizeIsTheSendersWordWithinLimits) {
    const std::string text = Text(300000);
    for (const std::string& body : {text, Gzip(text), Zstd(text)}) {
        EXPECT_EQ(AnnouncedSize(DetectCompression(body), body, 1 << 20), text.size());
        EXPECT_EQ(AnnouncedSize(DetectCompression(body), body, 1000), 1000u);
    }
    const std::string silent = Zstd(text, true);
    EXPECT_EQ(AnnouncedSize(Compression::kZstd, silent, 1 << 20), silent.size());
    std::string liar = Gzip("x");
    std::memset(liar.data() + liar.size() - 4, 0xFF, 4);
    EXPECT_EQ(AnnouncedSize(Compression::kGzip, liar, size_t{1} << 30), liar.size() * 1032);
    EXPECT_EQ(AnnouncedSize(Compression::kGzip, "\x1f\x8b", 1 << 20), 1u);
}

TEST(Inflate, EveryCutIsRefused) {
    const std::string text = Text(2000);
    for (const std::string& body : {Gzip(text), Zstd(text), Zstd(text, true)}) {
        const Compression compression = DetectCompression(body);
        for (size_t size = 4; size < body.size(); ++size) {
            EXPECT_EQ(StatusOf(compression, body.substr(0, size), 1 << 20), 400) << size;
        }
    }
}

TEST(Inflate, DamageAndGarbageAreRefused) {
    for (const std::string& good : {Gzip(Text(2000)), Zstd(Text(2000))}) {
        const Compression compression = DetectCompression(good);
        std::string bad = good;
        bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 0x55);
        EXPECT_EQ(StatusOf(compression, bad, 1 << 20), 400);
        EXPECT_EQ(StatusOf(compression, good + "garbage", 1 << 20), 400);
    }
}

}  // namespace
}  // namespace pganalytics::ingest
